import { expect, test } from "bun:test";
import { dial } from "../../src/doctor/dial.ts";

const contact = (port: number) => ({ key: "router.contacts", host: "127.0.0.1", port });

test("handshakes are timed, and a closed port says why", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = server;
  const answered = await dial(contact(port));
  expect(answered).toMatchObject({ key: "router.contacts", endpoint: `127.0.0.1:${port}` });
  expect(answered.answer).toHaveProperty("rttMs");
  server.stop(true);
  const refused = await dial(contact(port));
  expect(refused.answer).toEqual({ fault: "ECONNREFUSED" });
});
