import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { descendants } from "./processes.ts";
import { poll, startServer, type TestServer } from "./server.ts";

const body = JSON.stringify({ prompt: "Once upon a time", max_tokens: 1500, ignore_eos: true, stream: true });
const head = `POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;

/** A client that has got a token. */
async function client(server: TestServer) {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1").on("error", () => {});
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  await once(socket, "connect");
  socket.write(head + body);
  await poll(() => (received.includes("data: ") ? true : undefined));
  return { socket, received: () => received };
}

const openFiles = ({ process }: TestServer) => readdirSync(`/proc/${process.pid}/fd`).length;

test.runIf(process.platform === "linux")(
  "clients that leave while the engine is started again leave nothing behind",
  async () => {
    // Four run, none may wait: one that is left over would make the next four too many.
    const args = ["--engine", "fake?stepMs=10&loadMs=1500", "--parallel", "4", "--max-queue", "0"];
    await using server = await startServer({ args });
    const before = openFiles(server);
    for (const signal of ["SIGKILL", "SIGSEGV"] as const) {
      const clients = await Promise.all([1, 2, 3, 4].map(() => client(server)));
      process.kill(descendants(server.process.pid!)[0]!, signal);
      await poll(async () => ((await fetch(`${server.url}/health`)).status === 200 ? undefined : true));
      const paused = clients.map(({ received }) => received().length);
      for (const { socket } of clients) socket.destroy();
      expect((await fetch(`${server.url}/health`)).status).toBe(503); // still in the pause
      expect(clients.map(({ received }) => received().length)).toEqual(paused);
      await poll(async () => ((await fetch(`${server.url}/health`)).status === 200 ? true : undefined));
      const next = await Promise.all(
        [1, 2, 3, 4].map(() =>
          fetch(`${server.url}/v1/completions`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ prompt: "again", max_tokens: 5 }),
          }),
        ),
      );
      expect(next.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      await Promise.all(next.map((answer) => answer.text()));
    }
    // Connections that fetch keeps are not of those that left.
    await poll(() => (openFiles(server) <= before + 5 ? true : undefined));
  },
);
