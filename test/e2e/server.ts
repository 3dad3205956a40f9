import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

/** The built program: what a user runs. */
export const program = resolve("dist/main.js");

export interface TestServer extends AsyncDisposable {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything the server printed so far. */
  output(): string;
  /** Resolves when it has exited. */
  exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export interface ServerOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The Node binary to run it with; default: the one that runs the tests. */
  readonly node?: string;
  /** Do not wait until the model is loaded. */
  readonly early?: boolean;
}

/** Starts `millrace serve` on a free port and waits until it is ready. It closes itself at the end of the scope. */
export async function startServer({
  args,
  env = {},
  node = process.execPath,
  early,
}: ServerOptions): Promise<TestServer> {
  const child = spawn(node, [program, "serve", "--port", "0", ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const url = await poll(() => {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}:\n${output}`);
    return /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
  });
  if (early !== true) await poll(async () => ((await fetch(`${url}/health`)).status === 200 ? true : undefined));
  return {
    url,
    process: child,
    output: () => output,
    exited: async () => {
      const [code, signal] = await exit;
      return { code, signal };
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exit;
    },
  };
}

/** Asks until there is an answer: every 50 ms, for up to a minute. */
export async function poll<T>(ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let waited = 0; waited < 60_000; waited += 50) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error("no answer within a minute");
}
