/** Why a process of ours is gone, for people: "it ended by SIGABRT (…): GGML_ASSERT(…) failed". */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why we killed it; undefined if we did not. */
  readonly killedFor: string | undefined;
  /** The line of its log that tells the most. */
  readonly lastWords: string | undefined;
}

const signalMeanings: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: "killed from outside; the system does that when memory runs out",
  SIGSEGV: "native code used memory that is not its own",
  SIGBUS: "memory could not be read; a mapped model file that was cut short does that",
  SIGABRT: "native code gave up",
  SIGILL: "native code used an instruction that this CPU lacks",
  SIGFPE: "native code divided by zero",
  SIGTERM: "asked to end from outside",
};

export function exitInWords({ code, signal, killedFor, lastWords }: ProcessEnd): string {
  if (killedFor !== undefined) return `its process was ended because ${killedFor}`;
  const meaning = signal === null ? undefined : signalMeanings[signal];
  const how =
    signal === null
      ? `its process exited with code ${code}`
      : `its process died of ${signal}${meaning ? ` (${meaning})` : ""}`;
  return lastWords === undefined ? how : `${how}: ${lastWords}`;
}
