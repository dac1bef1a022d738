import { Link, type LinkOwner } from "../../src/flow/link.ts";
import type { Effect, Node, Port } from "../../src/role/node.ts";
import type { HelloKind } from "../../src/wire/hello.ts";
import { decodeMessage, encodeMessage, type Message } from "../../src/wire/message.ts";

/** The other role on a connection of the node under test, with what it was told. */
export class FarEnd implements LinkOwner {
  readonly messages: { readonly site: number; readonly message: Message }[] = [];
  readonly data: Uint8Array[] = [];
  readonly link: Link;
  readonly #node: Node;
  readonly #port: Port;

  /** `dialled` by the node: then this end accepts, and the node's connection carries the tag. */
  constructor(
    node: Node,
    port: Port,
    of: { kind: HelloKind; name: string; incarnation?: number; tag?: string },
    nowMs: number,
  ) {
    this.#node = node;
    this.#port = port;
    const { kind, name, incarnation = 1, tag } = of;
    const hello = { kind, fabric: "fabric", name, incarnation };
    this.link = new Link(port, { hello, owner: this, dialled: tag === undefined }, nowMs);
    node.onConnected(port, tag, nowMs);
    this.exchange(nowMs);
  }

  /** Bytes go to and fro until both ends are quiet. */
  exchange(nowMs: number): void {
    const outbox = this.#node.outbox(this.#port);
    for (let busy = true; busy;) {
      busy = outbox?.empty === false || !this.link.outbox.empty;
      outbox?.drain((memory, offset, length) => {
        this.link.onBytes(memory.slice(offset, offset + length), nowMs);
        return length;
      });
      this.link.outbox.drain((memory, offset, length) => {
        this.#node.onBytes(this.#port, memory.slice(offset, offset + length), nowMs);
        return length;
      });
    }
  }

  tell(message: Message, nowMs: number, site = 0): void {
    this.link.sendMessage(site, encodeMessage(message));
    this.exchange(nowMs);
  }

  kinds(): string[] {
    return this.messages.map(({ message }) => message.kind);
  }

  welcome(): undefined {
    return undefined;
  }
  onLinkUp(): void {}
  onLinkNeighbour(): void {}

  onLinkData(_link: Link, bytes: Uint8Array, from: number, to: number): void {
    this.data.push(bytes.slice(from, to));
  }

  onLinkMessage(_link: Link, site: number, payload: Uint8Array): void {
    const message = decodeMessage(payload);
    if (typeof message === "string") throw new TypeError(`a message that is none: ${message}`);
    this.messages.push({ site, message });
  }
}

export function effectsOf(node: Node): Effect[] {
  const effects: Effect[] = [];
  for (let effect = node.takeEffect(); effect; effect = node.takeEffect()) effects.push(effect);
  return effects;
}
