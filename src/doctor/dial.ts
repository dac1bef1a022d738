/** Opens a few TCP connections to a contact, sends nothing, and times the handshakes. */
import { connect } from "node:net";
import type { ContactFacts } from "./facts.ts";

const handshakes = 3;
const handshakeMs = 2_000;

export type Contact = { readonly key: string; readonly host: string; readonly port: number };

export async function dial({ key, host, port }: Contact): Promise<ContactFacts> {
  const endpoint = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  let rttMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < handshakes; i++) {
    const answer = await handshake(host, port);
    if (typeof answer === "string") return { key, endpoint, answer: { fault: answer } };
    rttMs = Math.min(rttMs, answer);
  }
  return { key, endpoint, answer: { rttMs } };
}

/** Milliseconds, or the code of what kept it from happening. */
function handshake(host: string, port: number): Promise<number | string> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: number | string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(`no answer in ${handshakeMs} ms`), handshakeMs);
    socket.on("connect", () => end(performance.now() - startMs));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
