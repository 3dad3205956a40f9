import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { MillraceError, failure, type ErrorBody } from "../core/errors.ts";
import { quantizedTypes, unfinishedFile, type QuantizedType, type QuantizeJob } from "../engine/llama/quantize.ts";
import { childEnvironment } from "./child-environment.ts";
import { entryArguments } from "./entry-point.ts";
import { exitInWords } from "./exit-in-words.ts";
import { NativeLog } from "./native-log.ts";

/** What the child is told, as JSON. */
export interface QuantizeOrder {
  readonly job: QuantizeJob;
  /** The library's log goes to stderr. */
  readonly verbose: boolean;
}

interface Sizes {
  readonly before: number;
  readonly after: number;
}

/** What the child answers, as JSON. */
export type QuantizeAnswer = Sizes | { readonly error: ErrorBody };

interface QuantizeOptions {
  readonly verbose: boolean;
  readonly signal: AbortSignal;
  /** Bytes of the new file so far, several times a second. */
  readonly onWritten: (bytes: number) => void;
}

const pollMs = 100;

/** Throws `invalid_config` for a type that there is not, and for a file that there is. */
export function checkedQuantization(asked: { type: string; output: string }): { type: QuantizedType; output: string } {
  const type = quantizedTypes.find((known) => known === asked.type.toLowerCase());
  if (type === undefined) {
    const problem = `'${asked.type}' is no type of numbers; accepted: ${quantizedTypes.join(", ")}`;
    throw failure("invalid_config", { problem });
  }
  const output = resolve(asked.output);
  if (existsSync(output)) throw failure("invalid_config", { problem: `${output} exists; choose another name` });
  return { type, output };
}

/**
 * Writes a model file again in a process of its own. Throws what `quantizeModel` throws, `engine_failed` when the library
 * dies, or the signal's reason; nothing is left behind then.
 */
export async function quantizeInChild(job: QuantizeJob, options: QuantizeOptions): Promise<Sizes> {
  const { verbose, signal, onWritten } = options;
  signal.throwIfAborted();
  const order: QuantizeOrder = { job, verbose };
  const child = spawn(
    process.execPath,
    [...entryArguments("quantize-process"), `${process.pid}`, JSON.stringify(order)],
    { stdio: ["ignore", "pipe", "pipe"], env: childEnvironment(process.env), windowsHide: true },
  );
  const unfinished = unfinishedFile(job.output, child.pid);
  const timer = setInterval(() => {
    const written = statSync(unfinished, { throwIfNoEntry: false });
    if (written !== undefined) onWritten(written.size);
  }, pollMs);
  const stop = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  let answer = "";
  const log = new NativeLog((line) => void (verbose && process.stderr.write(`${line}\n`)));
  log.read(child.stderr);
  child.stdout.setEncoding("utf8").on("data", (text: string) => (answer += text));
  try {
    const [code, killedBy] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    signal.throwIfAborted();
    if (code !== 0) {
      const end = { code, signal: killedBy, killedFor: undefined, memory: undefined, lastWords: log.lastWords() };
      throw failure("engine_failed", { problem: exitInWords(end) });
    }
    return sizesOf(JSON.parse(answer) as QuantizeAnswer);
  } finally {
    signal.removeEventListener("abort", stop);
    clearInterval(timer);
    rmSync(unfinished, { force: true });
  }
}

function sizesOf(answer: QuantizeAnswer): Sizes {
  if ("error" in answer) throw new MillraceError(answer.error);
  return answer;
}
