import { formatBytes } from "../core/format-bytes.ts";

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why we killed it; undefined if we did not. */
  readonly killedFor: string | undefined;
  /** The line of its log that tells the most. */
  readonly lastWords: string | undefined;
  /** Undefined if nobody looked. */
  readonly memory: MemoryAtEnd | undefined;
}

export interface MemoryAtEnd {
  /** Bytes that it held when it was last looked at. */
  readonly resident: number | undefined;
  /** Bytes that it and its neighbours may hold in all. */
  readonly limit: number;
  /** The system has killed something meanwhile because memory ran out; undefined = it does not tell. */
  readonly ranOut: boolean | undefined;
}

const signalMeanings: Partial<Record<NodeJS.Signals, string>> = {
  SIGSEGV: "native code used memory that is not its own",
  SIGBUS: "memory could not be read; a mapped model file that was cut short does that",
  SIGABRT: "native code gave up",
  SIGILL: "native code used an instruction that this CPU lacks",
  SIGFPE: "native code divided by zero",
  SIGTERM: "asked to end from outside",
};

/** Why a process of ours is gone, for people: "its process died of SIGABRT (…): GGML_ASSERT(…) failed". */
export function exitInWords(end: ProcessEnd): string {
  const { code, signal, killedFor, lastWords, memory } = end;
  if (killedFor !== undefined) return `its process was ended because ${killedFor}`;
  const meaning = signal === null ? undefined : meaningOf(signal, memory);
  const how =
    signal === null
      ? `its process exited with code ${code}`
      : `its process died of ${signal}${meaning ? ` (${meaning})` : ""}`;
  return lastWords === undefined ? how : `${how}: ${lastWords}`;
}

function meaningOf(signal: NodeJS.Signals, memory: MemoryAtEnd | undefined): string | undefined {
  return signal === "SIGKILL" ? killInWords(memory) : signalMeanings[signal];
}

/** By its own doing, or what it was made to do: not because of somebody outside. */
export function diedByItself({ signal, killedFor, memory }: ProcessEnd): boolean {
  if (killedFor !== undefined) return true;
  if (signal === "SIGKILL") return memory?.ranOut === true;
  return signal !== "SIGTERM" && signal !== "SIGINT" && signal !== "SIGHUP";
}

const advice = "serve fewer requests at once (--parallel), a shorter --context, or a smaller quantization of the model";

function killInWords(memory: MemoryAtEnd | undefined): string {
  if (memory === undefined) return "killed from outside; the system does that when memory runs out";
  const { resident, limit, ranOut } = memory;
  if (ranOut === false) return "killed from outside, not for lack of memory";
  const held = resident === undefined ? "" : `; it held ${formatBytes(resident)} of ${formatBytes(limit)}`;
  if (ranOut === undefined) return `killed from outside; the system does that when memory runs out${held}`;
  return `the system killed it because memory ran out${held}: ${advice}`;
}
