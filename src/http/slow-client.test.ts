import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { askAndLookAway, eventually, keepsTalking, says, startServer } from "./testing.ts";

const flood = keepsTalking("x".repeat(1000), 0);
/** More than the kernel's buffers take, by far. */
const long = says("x".repeat(40_000_000));
const streamed = { prompt: "a", stream: true };
const whole = { prompt: "a", stream: false };

test("a client that does not read is cut off, and the log says so", async () => {
  await using it = await startServer(flood, { slowClientTimeout: 0.3 });
  const socket = await askAndLookAway(it.port, streamed);
  await eventually(() => it.log.length === 1, 10_000);
  expect(it.log).toMatchObject([{ level: "info", status: 408, error: "slow_client" }]);
  expect(it.backend.signals[0]!.reason).toMatchObject({ message: "the client did not read for 0.3 s" });
  socket.resume();
  await once(socket, "close");
}, 20_000);

test.each([
  ["a single long event", streamed],
  ["an answer that comes whole", whole],
])(
  "so is one that leaves unread %s",
  async (_name, request) => {
    await using it = await startServer(long, { slowClientTimeout: 0.3 });
    const socket = await askAndLookAway(it.port, request);
    await eventually(() => it.log.length === 1, 10_000);
    expect(it.log).toMatchObject([{ level: "info", status: 408, error: "slow_client" }]);
    socket.resume();
    await once(socket, "close");
  },
  20_000,
);

test("one that leaves in the middle of an answer has not got it", async () => {
  await using it = await startServer(long);
  const socket = await askAndLookAway(it.port, whole);
  await readOn(socket, 500_000);
  socket.destroy();
  await eventually(() => it.log.length === 1);
  expect(it.log).toMatchObject([{ level: "info", status: 499 }]);
});

/** Until there were so many bytes. */
async function readOn(socket: Socket, bytes: number): Promise<void> {
  for (let read = 0; read < bytes;) {
    socket.resume();
    const [chunk] = (await once(socket, "data")) as [Buffer];
    socket.pause();
    read += chunk.length;
  }
}

test("a client that reads little by little is not, and 0 cuts nobody off", async () => {
  await using it = await startServer(flood, { slowClientTimeout: 1 });
  await using ended = await startServer(long, { slowClientTimeout: 1 });
  await using patient = await startServer(long, { slowClientTimeout: 0 });
  const readers = [
    await askAndLookAway(it.port, streamed),
    await askAndLookAway(ended.port, streamed),
    await askAndLookAway(ended.port, whole),
  ];
  const idle = await askAndLookAway(patient.port, whole);
  for (let round = 0; round < 20; round++) {
    await sleep(100);
    for (const socket of readers) await readOn(socket, 500_000); // less does not open the kernel's window again
  }
  expect([it.log, ended.log, patient.log]).toEqual([[], [], []]);
  for (const socket of [...readers, idle]) socket.destroy();
}, 20_000);

test("a kept connection outlives an answer that was read in time", async () => {
  await using it = await startServer(says("a"), { slowClientTimeout: 0.1 });
  const socket = await askAndLookAway(it.port, whole);
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => (received += text));
  socket.resume();
  await eventually(() => received.includes("text_completion"));
  await sleep(400);
  expect(socket.destroyed).toBe(false);
  socket.destroy();
});

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

test("so does one whose text is held back", async () => {
  await using it = await startServer(keepsTalking("", 5), { ssePingInterval: 0.1 });
  const socket = await askAndLookAway(it.port, streamed);
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => (received += text));
  socket.resume();
  await eventually(() => received.includes("\n: ping\n"), 10_000);
  socket.destroy();
});
