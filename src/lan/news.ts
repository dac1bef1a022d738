/** What an Eavesdropper tells its Gateway of a LAN, cut into messages of bounded size. */
import type { Address } from "../base/address.ts";
import { limits } from "../limits.ts";
import type { LanSender, MessageOf } from "../wire/message.ts";
import type { Want } from "../wire/want.ts";

export type LanNews = {
  readonly wants?: readonly Want[];
  /** Groups that nobody wants any more. */
  readonly lapsed?: readonly Address[];
  readonly senders?: readonly LanSender[];
  /** Channels whose source has fallen silent. */
  readonly silent?: readonly { readonly source: Address; readonly group: Address }[];
};

/** Text in one message, so that with heads and names it stays within its bound. */
const textBytesPerMessage = limits.messageBytesMax / 2;

/** One record of a message: which of its four lists, and about how many bytes it takes. */
type Item = { readonly kind: number; readonly item: unknown; readonly bytes: number };

/**
 * The messages that carry the news; none when there is nothing to tell. `full` makes the first one
 * a new beginning, and there is always a first one then.
 */
export function* lanMessages(news: LanNews, full: boolean): Generator<MessageOf<"lan">> {
  const { wants = [], lapsed = [], senders = [], silent = [] } = news;
  const list = [wants, lapsed, senders, silent].flatMap((items, kind): Item[] =>
    items.map((item) => ({ kind, item, bytes: JSON.stringify(item).length })),
  );
  if (list.length === 0 && !full) return;
  let from = 0;
  do {
    const to = endOfMessage(list, from);
    const part = <Kind>(of: number): Kind[] =>
      list.slice(from, to).flatMap(({ kind, item }) => (kind === of ? [item as Kind] : []));
    yield {
      kind: "lan",
      full: full && from === 0,
      wants: part<Want>(0),
      lapsed: part<Address>(1),
      senders: part<LanSender>(2),
      silent: part<MessageOf<"lan">["silent"][number]>(3),
    };
    from = to;
  } while (from < list.length);
}

/** Behind the last item that fits into one message with that at `from`. */
function endOfMessage(list: readonly Item[], from: number): number {
  let to = from;
  let bytes = 0;
  while (to < list.length && (to === from || bytes < textBytesPerMessage)) {
    bytes += (list[to] as Item).bytes;
    to++;
  }
  return to;
}
