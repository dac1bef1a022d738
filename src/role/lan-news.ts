/**
 * What an Eavesdropper tells its Gateway: who listens and who sends, in messages of bounded size.
 */
import type { Address } from "../base/address.ts";
import { limits } from "../limits.ts";
import type { LanSender, MessageOf } from "../wire/message.ts";
import type { Want } from "../wire/want.ts";

type Channel = { readonly source: Address; readonly group: Address };

export type LanNews = {
  readonly wants?: readonly Want[];
  readonly lapsed?: readonly Address[];
  readonly senders?: readonly LanSender[];
  readonly silent?: readonly Channel[];
};

/** Text in one message to the Gateway, so that with heads and names it stays within its bound. */
const textBytesPerMessage = limits.messageBytesMax / 2;

/** One record of a message: which of its four lists, and about how many bytes it takes. */
type Item = { readonly kind: number; readonly item: unknown; readonly bytes: number };

/** The messages for these news; with `full` the first one, even an empty one, begins anew. */
export function lanMessages(news: LanNews, full: boolean): MessageOf<"lan">[] {
  const { wants = [], lapsed = [], senders = [], silent = [] } = news;
  const list = [wants, lapsed, senders, silent].flatMap((items, kind): Item[] =>
    items.map((item) => ({ kind, item, bytes: bytesOf(item) })),
  );
  const messages: MessageOf<"lan">[] = [];
  for (let from = 0; from < list.length || (full && messages.length === 0);) {
    const to = endOfMessage(list, from);
    const part = <Kind>(of: number): Kind[] =>
      list.slice(from, to).flatMap(({ kind, item }) => (kind === of ? [item as Kind] : []));
    messages.push({
      kind: "lan",
      full: full && from === 0,
      wants: part<Want>(0),
      lapsed: part<Address>(1),
      senders: part<LanSender>(2),
      silent: part<Channel>(3),
    });
    from = to;
  }
  return messages;
}

const bytesOf = (item: Want | Address | LanSender | Channel): number => JSON.stringify(item).length;

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
