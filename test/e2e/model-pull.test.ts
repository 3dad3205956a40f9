import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { testModel } from "../models.ts";
import { poll, program } from "./server.ts";

let model: Buffer;
let home: string;
let url: string;
/** Ranges that were asked for; those of the question for size and version left out. */
let asked: (string | undefined)[] = [];
/** How much of each answer is sent before it stops; Infinity = all. */
let sendsAtMost = Infinity;

const listener: RequestListener = (request, response) => {
  const { range } = request.headers;
  if (range !== "bytes=0-0") asked.push(range);
  const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  const end = to === "" ? model.length : Number(to) + 1;
  const body = model.subarray(Number(from), end);
  const headers = { etag: '"1"', "content-length": body.length };
  const part = { "content-range": `bytes ${from}-${end - 1}/${model.length}` };
  response.writeHead(range === undefined ? 200 : 206, range === undefined ? headers : { ...headers, ...part });
  if (body.length <= sendsAtMost) response.end(body);
  else response.write(body.subarray(0, sendsAtMost));
};

const server = createServer(listener);
beforeAll(async () => {
  model = readFileSync(await testModel("smollm2"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  asked = [];
  sendsAtMost = Infinity;
  home = await mkdtemp(join(tmpdir(), "millrace-pull-"));
  return () => rm(home, { recursive: true });
});

function startPull() {
  const child = spawn(process.execPath, [program, "models", "pull", "--quiet", url], {
    env: { ...process.env, MILLRACE_HOME: home },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return { child, file: once(child, "close").then(() => output.trim()) };
}

test("a pull that was killed is gone on with by the next process", async () => {
  sendsAtMost = 20_000_000;
  const { child } = startPull();
  const partial = () => readdir(join(home, "partial")).catch(() => []);
  await poll(async () => {
    const [name] = await partial();
    return name !== undefined && (await readFile(join(home, "partial", name))).length === sendsAtMost
      ? true
      : undefined;
  });
  child.kill("SIGKILL");
  await once(child, "exit");
  sendsAtMost = Infinity;
  expect((await readFile(await startPull().file)).equals(model)).toBe(true);
  expect(asked).toEqual([undefined, "bytes=20000000-"]);
  expect(await partial()).toEqual([]);
  expect(await readdir(join(home, "tmp"))).toEqual([]);
});

test("two processes that pull the same at once both end well", async () => {
  const files = await Promise.all([startPull().file, startPull().file]);
  expect(files[0]).toBe(files[1]);
  expect((await readFile(files[0])).equals(model)).toBe(true);
  expect(await readdir(join(home, "partial"))).toEqual([]);
});
