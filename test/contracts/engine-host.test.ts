import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import type { GenerationEvent } from "../../src/core/generation.ts";
import { EngineChild, type EngineEnd } from "../../src/host/engine-child.ts";
import { spawnEngine } from "../../src/host/spawn-engine.ts";
import { livenessLimits } from "../../src/host/liveness.ts";
import { aRequest, collect, never, readyHost, hostLog, startHost } from "./host/hosts.ts";

const onLinux = process.platform === "linux";

test("a stream: admitted with the prompt's tokens, text, finished with the usage", async () => {
  await using host = await readyHost("fake");
  expect(host.status()).toEqual({ state: "ready" });
  expect(host.model).toMatchObject({ id: "fake", contextLength: 2048 });
  const events: GenerationEvent[] = [];
  for await (const event of host.generate(aRequest(), never)) events.push(event);
  const [first, last] = [events[0]!, events.at(-1)!];
  expect(first.type).toBe("admitted");
  const promptTokens = first.type === "admitted" ? first.promptTokens.length : 0;
  expect(last).toEqual({
    type: "finished",
    reason: "length",
    usage: { promptTokens, cachedTokens: 0, completionTokens: 20 },
  });
  expect(events.filter(({ type }) => type === "admitted" || type === "finished")).toHaveLength(2);
});

test("many streams at once say what each says alone", async () => {
  await using host = await readyHost("fake?stepMs=1");
  const prompts = Array.from({ length: 24 }, (_, i) => `story number ${i}`);
  const ask = (text: string) => collect(host.generate(aRequest({ prompt: { kind: "text", text } }), never));
  const together = await Promise.all(prompts.map(ask));
  for (const [i, prompt] of prompts.slice(0, 4).entries()) expect(await ask(prompt)).toEqual(together[i]);
});

test("while it loads it says how far it is; afterwards it serves", async () => {
  await using host = startHost("fake?loadMs=1500");
  const progress = (): number => {
    const status = host.status();
    return status.state === "loading" ? status.progress : 1;
  };
  await vi.waitUntil(() => progress() > 0.3, 10_000);
  expect(progress()).toBeLessThan(1);
  await expect(collect(host.generate(aRequest(), never))).rejects.toMatchObject({ code: "model_loading" });
  await host.ready();
  expect((await collect(host.generate(aRequest(), never))).tokens).toHaveLength(20);
});

test("a model that cannot be opened is told as the model's fault, and not tried again", async () => {
  await using host = startHost("fake?loadFails=1");
  await expect(host.ready()).rejects.toMatchObject({ code: "invalid_model_file" });
  expect(host.status()).toMatchObject({ state: "failed", error: { code: "invalid_model_file" } });
  expect(host.pid).toBeUndefined();
  await expect(collect(host.generate(aRequest(), never))).rejects.toMatchObject({ code: "engine_unavailable" });
});

test("a prompt that does not fit fails alone", async () => {
  await using host = await readyHost("fake?stepMs=5");
  const long = aRequest({ prompt: { kind: "tokens", ids: Array.from({ length: 2048 }, () => 1) } });
  const [failed, served] = await Promise.allSettled([
    collect(host.generate(long, never)),
    collect(host.generate(aRequest(), never)),
  ]);
  expect(failed).toMatchObject({ reason: { code: "context_length_exceeded" } });
  expect(served.status).toBe("fulfilled");
});

test.each(["abort", "leave"])("to %s frees the slot within a step or two", async (how) => {
  await using host = await readyHost("fake?stepMs=20");
  const abort = new AbortController();
  const hogs = Array.from({ length: 4 }, () => host.generate(aRequest({ maxTokens: 2000 }), abort.signal));
  for (const hog of hogs) await hog.next(); // all slots are taken now
  const waiting = host.generate(aRequest({ maxTokens: 1 }), never);
  await waiting.next(); // admitted, to the queue
  const first = waiting.next();
  expect(await Promise.race([first.then(() => "served"), sleep(200, "waits")])).toBe("waits");
  const begin = performance.now();
  if (how === "abort") abort.abort();
  else await hogs[0]!.return?.();
  await first;
  expect(performance.now() - begin).toBeLessThan(1000); // a stream left alone would hold it for 40 s
  if (how === "abort") await expect(hogs[0]!.next()).rejects.toMatchObject({ code: "request_cancelled" });
});

test("a reader that does not read pauses its own stream only", async () => {
  await using host = await readyHost("fake");
  const slow = host.generate(aRequest({ maxTokens: 1500 }), never);
  await slow.next();
  const others = await Promise.all([1, 2, 3].map(() => collect(host.generate(aRequest({ maxTokens: 1500 }), never))));
  for (const other of others) expect(other.tokens).toHaveLength(1500);
  const rest = await collect(slow);
  expect(rest.tokens).toEqual(others[0]!.tokens);
});

test.runIf(onLinux)(
  "Ctrl-C and a service manager's SIGTERM, sent to all processes, leave the engine to the server",
  async () => {
    await using host = await readyHost("fake?stepMs=10");
    const stream = host.generate(aRequest({ maxTokens: 50 }), never);
    await stream.next();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(host.pid!, signal);
    expect((await collect(stream)).tokens).toHaveLength(50);
  },
);

test("a step that does not end is aborted and its stream goes on", async () => {
  await using host = await readyHost("fake?stallAtStep=5", { stepMs: 300 });
  const { pid } = host;
  expect((await collect(host.generate(aRequest(), never))).tokens).toHaveLength(20);
  expect(host.pid).toBe(pid);
});

test("closing ends the process and what runs in it, also while it loads", async () => {
  const host = await readyHost("fake?stepMs=5");
  const stream = host.generate(aRequest({ maxTokens: 1000 }), never);
  await stream.next();
  const { pid } = host;
  await host[Symbol.asyncDispose]();
  await expect(collect(stream)).rejects.toMatchObject({ code: "shutting_down" });
  await expect(collect(host.generate(aRequest(), never))).rejects.toMatchObject({ code: "shutting_down" });
  expect(isAlive(pid!)).toBe(false);

  const loading = startHost("fake?loadMs=60000");
  await vi.waitUntil(() => loading.status().state === "loading", 10_000);
  await sleep(500);
  const loadingPid = loading.pid!;
  await loading[Symbol.asyncDispose]();
  await expect(loading.ready()).rejects.toMatchObject({ code: "shutting_down" });
  expect(isAlive(loadingPid)).toBe(false);
});

test.runIf(onLinux)("the engine process has no secrets in its environment", async () => {
  vi.stubEnv("HF_TOKEN", "hf_secret");
  vi.stubEnv("MILLRACE_API_KEYS", "key_secret");
  try {
    await using host = await readyHost("fake");
    const environment = readFileSync(`/proc/${host.pid}/environ`, "utf8");
    expect(environment).toContain("GGML_NO_BACKTRACE=1");
    expect(environment).not.toContain("secret");
  } finally {
    vi.unstubAllEnvs();
  }
});

test.each([
  ["no JSON", "nonsense", /a message is not JSON: nonsense/],
  ["a message that is not in the vocabulary", '{"type":"surprise"}', /does not fit the vocabulary/],
])("%s from the process costs it its life", async (_name, line, words) => {
  const script = `require("fs").writeSync(3, ${JSON.stringify(line)} + "\\n"); setInterval(() => {}, 1000)`;
  const stub = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"] });
  const onExit = vi.fn<(end: EngineEnd) => void>();
  const child = new EngineChild(stub, { limits: livenessLimits, logger: hostLog, onMessage: () => {}, onExit });
  await child.exited;
  expect(onExit).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ problem: expect.stringMatching(words), byItself: true }),
  );
});

test.each([
  ["a corrupt message from the server", (channel: Duplex) => channel.write("nonsense\n")],
  ["the end of the channel", (channel: Duplex) => channel.destroy()],
])("%s ends the engine process", async (_name, act) => {
  const engine = spawnEngine();
  act(engine.stdio[3] as Duplex);
  const signal = await new Promise((resolve) => engine.once("exit", (_code, signal) => resolve(signal)));
  expect(signal).toBe("SIGKILL");
});

test.each(["while it loads", "while it runs"])("kill -9 of the server leaves no orphan %s", async (when) => {
  const script = fileURLToPath(new URL("host/doomed-server.ts", import.meta.url));
  const engine = when === "while it loads" ? "fake?loadMs=60000" : "fake?stepMs=1000000";
  const server = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), script, engine], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = await new Promise<number>((resolve) => server.stdout.once("data", (data) => resolve(Number(data))));
  await sleep(1000);
  expect(isAlive(pid)).toBe(true);
  server.kill("SIGKILL");
  await vi.waitUntil(() => !isAlive(pid), 2000);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !(onLinux && /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
  } catch {
    return false;
  }
}
