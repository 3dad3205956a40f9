/**
 * Two real models side by side in one server, the built program: loaded and unloaded again and again with requests running.
 * No request may fail, and the resident memory of all processes must return to what it was, within 5 %.
 * `npm run test:models -- [CYCLES]`, default 50.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { residentBytesOfTree } from "../src/bench/memory-watch.ts";
import { formatBytes } from "../src/core/format-bytes.ts";
import { residentBytes } from "../src/host/process-memory.ts";

const cycles = Number(process.argv[2] ?? 50);
if (!(cycles > 0)) throw new Error(`'${process.argv[2]}' is no number of cycles`);
const program = resolve("dist/main.js");
const names = ["small", "smaller"] as const;
const streamsPerModel = 2;
/** What the server itself comes to take under load, whatever happens to its models, is not what is looked for. */
const warmUpCycles = 25;
const tolerance = 0.05;
/** Of the server alone. Its code is compiled as it is used: of live objects nothing grows (heap snapshots, 140 cycles apart). */
const serverTolerance = 0.1;

const folder = mkdtempSync(join(tmpdir(), "millrace-models-"));
const server = startServer(configFile());
try {
  const url = await addressOf(server);
  const state = await soak(url, server.pid!);
  process.exitCode = state.failures.length === 0 && state.returned ? 0 : 1;
} finally {
  server.kill("SIGKILL");
  rmSync(folder, { recursive: true });
}

/** The same model in two number formats: two files, two plans, two processes. */
function configFile(): string {
  const smaller = join(folder, "q4_0.gguf");
  const { status, stderr } = spawnSync(process.execPath, [
    program,
    "quantize",
    "smollm2-135m-instruct",
    "q4_0",
    smaller,
  ]);
  if (status !== 0 || !existsSync(smaller)) throw new Error(`the second model could not be made: ${String(stderr)}`);
  const path = join(folder, "millrace.yaml");
  const models = [
    { name: names[0], model: "smollm2-135m-instruct" },
    { name: names[1], model: smaller },
  ];
  writeFileSync(path, JSON.stringify({ port: 0, parallel: 2, context: 512, log_level: "warn", models }));
  return path;
}

function startServer(config: string): ChildProcess {
  return spawn(process.execPath, [program, "serve", "--config", config], { stdio: ["ignore", "pipe", "inherit"] });
}

async function addressOf({ stdout }: ChildProcess): Promise<string> {
  let said = "";
  for await (const chunk of stdout!) {
    said += String(chunk);
    const url = /^ +Millrace +(http:\S+)/m.exec(said)?.[1]; // the banner: all models are loaded
    if (url !== undefined) return url;
  }
  throw new Error(`the server ended: ${said}`);
}

interface Memory {
  readonly server: number;
  readonly tree: number;
}

async function soak(url: string, pid: number): Promise<{ failures: string[]; returned: boolean }> {
  const failures: string[] = [];
  let before: Memory | undefined;
  let answered = 0;
  for (const [part, count] of [["warm-up", warmUpCycles] as const, ["measured", cycles] as const]) {
    const over = new AbortController();
    const readers = names.flatMap((model) =>
      Array.from({ length: streamsPerModel }, async () => {
        while (!over.signal.aborted) {
          const problem = await ask(url, model);
          if (problem === undefined) answered++;
          else failures.push(problem);
        }
      }),
    );
    const begin = performance.now();
    for (let i = 0; i < count; i++) await reload(url, names[i % 2]!);
    over.abort();
    await Promise.all(readers);
    const after = await memoryAtRest(pid);
    const seconds = Math.round((performance.now() - begin) / 1000);
    console.log(
      `${part}: ${count} times unloaded and loaded in ${seconds} s, ${answered} requests, ${failures.length} failed`,
    );
    console.log(`  resident: server ${formatBytes(after.server)}, with its engines ${formatBytes(after.tree)}`);
    if (before !== undefined) return { failures: tell(failures), returned: hasReturned(before, after) };
    before = after;
  }
  throw new Error("unreachable");
}

/** One answer, streamed; tells what was wrong with it. */
async function ask(url: string, model: string): Promise<string | undefined> {
  const body = JSON.stringify({ model, prompt: "Once upon a time", max_tokens: 24, ignore_eos: true, stream: true });
  const headers = { "content-type": "application/json" };
  try {
    const response = await fetch(`${url}/v1/completions`, { method: "POST", headers, body });
    const text = await response.text();
    const deltas = text.split("\n\n").length;
    if (response.status !== 200) return `${model}: ${response.status} ${text}`;
    return text.trimEnd().endsWith("data: [DONE]") && deltas > 3 ? undefined : `${model}: ${text.slice(-300)}`;
  } catch (error) {
    return `${model}: ${String(error)}`;
  }
}

/** Unloads the model, under its requests, and loads it again. */
async function reload(url: string, model: string): Promise<void> {
  const stateOf = async () => {
    const { data } = (await (await fetch(`${url}/admin/models`)).json()) as { data: { id: string; state: string }[] };
    return data.find(({ id }) => id === model)!.state;
  };
  const post = async (action: string) => {
    const response = await fetch(`${url}/admin/models/${model}/${action}`, { method: "POST" });
    if (!response.ok) throw new Error(`${action} ${model}: ${await response.text()}`);
  };
  await post("unload");
  while (["ready", "unloading"].includes(await stateOf())) await sleep(20);
  await post("load");
  while ((await stateOf()) !== "ready") await sleep(20);
  await sleep(200); // requests run on it again
}

/** The least within some seconds without requests: garbage is collected in its own time. */
async function memoryAtRest(pid: number): Promise<Memory> {
  let least: Memory = { server: Infinity, tree: Infinity };
  for (let i = 0; i < 20; i++) {
    await sleep(250);
    least = {
      server: Math.min(least.server, residentBytes(pid)!),
      tree: Math.min(least.tree, residentBytesOfTree(pid)),
    };
  }
  return least;
}

function inPercent(part: number): string {
  return `${part > 0 ? "+" : ""}${(100 * part).toFixed(1)} %`;
}

function hasReturned(before: Memory, after: Memory): boolean {
  const change = (of: keyof Memory) => after[of] / before[of] - 1;
  console.log(`change: server ${inPercent(change("server"))}, with its engines ${inPercent(change("tree"))}`);
  return change("server") <= serverTolerance && change("tree") <= tolerance;
}

function tell(failures: string[]): string[] {
  for (const failure of failures.slice(0, 10)) console.error(`failed: ${failure}`);
  return failures;
}
