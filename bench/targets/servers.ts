import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Endpoint } from "../../src/bench/completion-client.ts";
import { openEndpoint } from "../../src/bench/open-endpoint.ts";
import { runLoad } from "../../src/bench/run-load.ts";
import { workloadOf, workloadShapes } from "../../src/bench/workload.ts";
import { threadsForThisMachine } from "../../src/host/cpu-quota.ts";
import { poll, startServer } from "../../test/e2e/server.ts";

/** The KV memory of a server. */
export interface Memory {
  readonly slots: number;
  readonly contextPerSlot: number;
}

export const usualMemory: Memory = { slots: 8, contextPerSlot: 2048 };

/** Token ids that are ordinary tokens of the model. */
export const vocabulary = { low: 1000, high: 30_000 };

/** A server under measurement; it ends with its scope. */
export interface MeasuredServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly pid: number;
}

export interface Key {
  readonly key: string;
  readonly name: string;
  readonly lane: "interactive" | "batch";
}

export interface OurOptions {
  readonly memory?: Memory;
  readonly args?: readonly string[];
  /** Whose clients may come; the endpoint has the first. Default: anybody. */
  readonly keys?: readonly Key[];
}

/** The built program, as its users run it. */
export async function startOurs(
  modelFile: string,
  { memory = usualMemory, args = [], keys = [] }: OurOptions = {},
): Promise<MeasuredServer> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-targets-"));
  const config = join(folder, "config.yaml");
  writeFileSync(config, JSON.stringify(keys.length === 0 ? {} : { api_keys: keys }));
  const size = ["--parallel", `${memory.slots}`, "--context", `${memory.contextPerSlot}`];
  const server = await startServer({
    args: ["--config", config, "--model", modelFile, "--log-level", "warn", ...size, ...args],
  });
  endWithThisProcess(server.process);
  const endpoint = await openEndpoint({ url: server.url, apiKey: keys[0]?.key });
  await warmUp(endpoint);
  return {
    endpoint,
    pid: server.process.pid!,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** With the libraries beside it, and as many threads as ours. */
export async function startTheirs(
  program: string,
  modelFile: string,
  { slots, contextPerSlot }: Memory = usualMemory,
): Promise<MeasuredServer> {
  const port = await freePort();
  const size = ["-np", `${slots}`, "-c", `${slots * contextPerSlot}`];
  const threads = ["-t", `${threadsForThisMachine().threads}`];
  const address = ["--host", "127.0.0.1", "--port", `${port}`, "--no-webui"];
  const child = spawn(program, ["-m", modelFile, ...threads, ...size, ...address], {
    env: { ...process.env, LD_LIBRARY_PATH: dirname(program) },
    stdio: "ignore",
  });
  endWithThisProcess(child);
  const exit = once(child, "exit");
  const url = `http://127.0.0.1:${port}`;
  await poll(async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended with code ${child.exitCode}`);
    return (await isHealthy(url)) ? true : undefined;
  });
  const endpoint = await openEndpoint({ url });
  await warmUp(endpoint);
  return {
    endpoint,
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

/** However this one ends. */
function endWithThisProcess(child: ChildProcess): void {
  const end = () => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
}

/** The first requests touch memory and compile code. */
async function warmUp(endpoint: Endpoint): Promise<void> {
  const workload = workloadOf("unique", workloadShapes.unique, { seed: 2 ** 32 - 1, vocabulary });
  const { samples } = await runLoad({ endpoint, workload, load: { kind: "closed", concurrency: 8 }, requests: 16 });
  const problem = samples.find((sample) => sample.problem !== undefined)?.problem;
  if (problem !== undefined) throw new Error(`${endpoint.url} fails at its first requests: ${problem}`);
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false; // it does not listen yet
  }
}

/** Nobody listens there now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
