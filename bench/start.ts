import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { processTree, residentBytesOfTree } from "../src/bench/memory-watch.ts";
import { show, summarize } from "../src/bench/statistics.ts";
import { readIfThere, threadsForThisMachine } from "../src/host/cpu-quota.ts";
import { program } from "../test/e2e/server.ts";
import { modelOfType } from "./smollm2.ts";
import { freePort } from "./targets/servers.ts";
import { verdictOf, type Requirement } from "./targets/verdict.ts";
import { inTurns } from "./turns.ts";

const slots = 8;
const contextPerSlot = 2048;
const MIB = 2 ** 20;

/** A program that serves on a port of this machine, until it is killed. */
type Launch = (port: number) => ChildProcess;

/** Times in ms from the start of the process; memory, of all processes, after the first answer. */
interface Start {
  /** `/health` says 200. */
  readonly ready: number;
  /** The first token of a request that is sent then. */
  readonly firstToken: number;
  /** Pages that several processes map count once. */
  readonly memoryMib: number;
  /** They count for each. */
  readonly residentMib: number;
}

/**
 * From nothing to the first answer: the built program and llama-server in turns, with the same file, slots and context. The
 * first round, which brings the file into the page cache, does not count.
 */
export async function start(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "10" },
      type: { type: "string", default: "q4_0" },
      "llama-server": { type: "string" },
    },
  });
  const model = await modelOfType(values.type);
  const theirs = values["llama-server"] ?? process.env["LLAMA_SERVER"];
  if (theirs === undefined) console.log("without llama-server (--llama-server PATH or LLAMA_SERVER): ours alone");
  const variants = {
    millrace: () => measure(ours(model)),
    ...(theirs !== undefined && { "llama-server": () => measure(theirsOf(theirs, model)) }),
  };
  const turns = await inTurns(variants, Number(values.rounds) + 1);
  const metrics = ["ready", "firstToken", "memoryMib", "residentMib"] as const;
  const valuesOf = (name: string, metric: keyof Start) => (turns.get(name) ?? []).slice(1).map((one) => one[metric]);
  console.log();
  for (const metric of metrics) {
    const cells = [...turns.keys()].map((name) => `${name} ${show(summarize(valuesOf(name, metric)))}`);
    console.log(`  ${metric.padEnd(12)} ${cells.join(", ")}`);
  }
  const ratios = (metric: keyof Start) => {
    const others = valuesOf("llama-server", metric);
    return others.length === 0 ? [] : valuesOf("millrace", metric).map((value, round) => value / others[round]!);
  };
  const requirement = (of: string, metric: keyof Start, atMost: number): Requirement => ({
    of,
    values: ratios(metric),
    unit: "of llama-server's",
    target: { atMost },
  });
  for (const one of [requirement("ready", "ready", 1.2), requirement("memory", "memoryMib", 1.3)])
    console.log(`  ${verdictOf(one).join(" · ")}`);
}

function ours(model: string): Launch {
  const size = ["--parallel", `${slots}`, "--context", `${contextPerSlot}`];
  return (port) =>
    spawn(process.execPath, [program, "serve", "--port", `${port}`, "--model", model, "--log-level", "warn", ...size], {
      stdio: "ignore",
    });
}

/** With the libraries beside it, and as many threads as ours. */
function theirsOf(file: string, model: string): Launch {
  const size = ["-np", `${slots}`, "-c", `${slots * contextPerSlot}`, "-t", `${threadsForThisMachine().threads}`];
  return (port) =>
    spawn(file, ["-m", model, ...size, "--host", "127.0.0.1", "--port", `${port}`, "--no-webui"], {
      env: { ...process.env, LD_LIBRARY_PATH: dirname(file) },
      stdio: "ignore",
    });
}

async function measure(launch: Launch): Promise<Start> {
  const port = await freePort();
  const begin = performance.now();
  const child = launch(port);
  const ended = once(child, "exit");
  try {
    while (!(await isHealthy(port))) {
      if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
      await sleep(2);
    }
    const ready = performance.now() - begin;
    const firstToken = (await firstTokenAt(port)) - begin;
    const proportional = processTree(child.pid!).reduce((sum, pid) => sum + proportionalBytes(pid), 0);
    const resident = residentBytesOfTree(child.pid!);
    return { ready, firstToken, memoryMib: proportional / MIB, residentMib: resident / MIB };
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    const asking = request({ host: "127.0.0.1", port, path: "/health" });
    const [answer] = (await once(asking.end(), "response")) as [IncomingMessage];
    answer.resume();
    return answer.statusCode === 200;
  } catch {
    return false; // it does not listen yet
  }
}

/** When the first text of an answer came, by `performance.now()`. Reads the rest as well. */
async function firstTokenAt(port: number): Promise<number> {
  const headers = { "content-type": "application/json" };
  const asking = request({ host: "127.0.0.1", port, path: "/v1/completions", method: "POST", headers });
  asking.end(JSON.stringify({ prompt: "Once upon a time", max_tokens: 8, stream: true }));
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  let at: number | undefined;
  let received = "";
  for await (const chunk of answer.setEncoding("utf8")) {
    received += chunk as string;
    if (/"text":"[^"]/.test(received)) at ??= performance.now();
  }
  if (at === undefined) throw new Error(`no token came: ${received}`);
  return at;
}

/** What the process maps alone, and its part of what it shares; 0 where the system does not tell. */
function proportionalBytes(pid: number): number {
  const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(readIfThere(`/proc/${pid}/smaps_rollup`) ?? "")?.[1];
  return 1024 * Number(kibibytes ?? 0);
}
