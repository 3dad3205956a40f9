import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually, keepsTalking, says, startServer } from "./testing.ts";

/** Asks for a stream, and does not read it. */
async function askAndLookAway(port: number): Promise<Socket> {
  const body = JSON.stringify({ prompt: "a", stream: true });
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  await once(socket, "connect");
  socket.pause();
  const head = `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  socket.write(head + body);
  return socket;
}

const flood = keepsTalking("x".repeat(1000), 0);

test("a client that does not read is cut off, and the log says so", async () => {
  await using it = await startServer(flood, { slowClientTimeout: 0.3 });
  const socket = await askAndLookAway(it.port);
  await eventually(() => it.log.length === 1, 10_000);
  expect(it.log).toMatchObject([{ level: "info", status: 408, error: "slow_client" }]);
  expect(it.backend.signals[0]!.reason).toMatchObject({ message: "the client did not read for 0.3 s" });
  socket.resume();
  await once(socket, "close");
}, 20_000);

test("so is one that leaves the end of a finished answer unread", async () => {
  const most = 20_000_000; // more than the kernel's buffers take
  await using it = await startServer(says("x".repeat(most)), { slowClientTimeout: 0.3 });
  const socket = await askAndLookAway(it.port);
  await eventually(() => it.log.length === 1, 10_000);
  expect(it.log).toMatchObject([{ status: 408, error: "slow_client" }]);
  socket.destroy();
}, 20_000);

test("a client that reads little by little is not, and 0 cuts nobody off", async () => {
  await using it = await startServer(flood, { slowClientTimeout: 1 });
  await using patient = await startServer(flood, { slowClientTimeout: 0 });
  const sockets = [await askAndLookAway(it.port), await askAndLookAway(patient.port)];
  for (let round = 0; round < 15; round++) {
    await sleep(100);
    sockets[0]!.resume();
    await once(sockets[0]!, "data");
    await sleep(20);
    sockets[0]!.pause();
  }
  expect([it.log, patient.log]).toEqual([[], []]);
  for (const socket of sockets) socket.destroy();
}, 20_000);

test("a stream that is silent gets comments, which clients skip, and one that is not gets none", async () => {
  await using silent = await startServer(
    async function* () {
      yield* says("a")({} as never, new AbortController().signal);
      await new Promise((wake) => setTimeout(wake, 500));
    },
    { ssePingInterval: 0.1 },
  );
  const body = JSON.stringify({ prompt: "x", stream: true });
  const headers = { "content-type": "application/json" };
  const quiet = await (await fetch(`${silent.url}/v1/completions`, { method: "POST", body, headers })).text();
  expect(quiet.match(/^: ping$/gm)?.length).toBeGreaterThanOrEqual(2);
  await using lively = await startServer(says("a", "b", "c"), { ssePingInterval: 0.1 });
  const full = await (await fetch(`${lively.url}/v1/completions`, { method: "POST", body, headers })).text();
  expect(full).not.toContain("ping");
});
