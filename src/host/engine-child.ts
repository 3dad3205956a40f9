import type { ChildProcess } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import type { Logger } from "pino";
import { systemClock } from "../core/clock.ts";
import { Channel } from "./channel.ts";
import { diedByItself, exitInWords } from "./exit-in-words.ts";
import { Liveness, type LivenessLimits, type Verdict } from "./liveness.ts";
import { parseEngineMessage, ProtocolError } from "./message-schemas.ts";
import type { EngineMessage, HostMessage } from "./messages.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { NativeLog } from "./native-log.ts";
import { readRunNotes } from "./run-notes.ts";

const checkMs = 250;
/** After the process ended, what it wrote last may still be in the pipes; a grandchild could hold them open. */
const drainMs = 500;

export type EngineNews = Exclude<EngineMessage, { type: "heartbeat" }>;

/** How a process ended. */
export interface EngineEnd {
  /** In words. */
  readonly problem: string;
  /** What native code wrote about it, if that tells anything. */
  readonly fault: string | undefined;
  /** By its own doing, or by what it had to do: nobody killed it from outside. */
  readonly byItself: boolean;
  /** Ids of requests that it worked on. */
  readonly running: readonly string[];
}

export interface EngineChildOptions {
  readonly limits: LivenessLimits;
  readonly logger: Logger;
  readonly onMessage: (message: EngineNews) => void;
  /** Called once, after the last message: the process is gone, and why. */
  readonly onExit: (end: EngineEnd) => void;
}

/** One engine process, from its start to its end. A process that breaks the rules is killed. */
export class EngineChild {
  readonly pid: number | undefined;
  readonly exited: Promise<void>;
  readonly #process: ChildProcess;
  readonly #options: EngineChildOptions;
  readonly #channel: Channel<EngineMessage, HostMessage>;
  readonly #log: NativeLog;
  readonly #liveness: Liveness;
  readonly #memory: MemoryWatch;
  readonly #timer: NodeJS.Timeout;
  #running: readonly string[] = [];
  #killedFor: string | undefined;

  /** `process` has pipes on its outputs, a two-way pipe on file descriptor 3, and one for what it runs on 4. */
  constructor(process: ChildProcess, options: EngineChildOptions) {
    this.#process = process;
    this.#options = options;
    this.pid = process.pid;
    this.#log = new NativeLog((line) => options.logger.debug({ pid: process.pid }, line));
    for (const stream of [process.stdout, process.stderr]) this.#log.read(stream as Readable);
    readRunNotes(process.stdio[4] as Readable, (ids) => {
      this.#running = ids;
    });
    this.#memory = new MemoryWatch(process.pid);
    this.#liveness = new Liveness(options.limits, systemClock.now());
    this.#channel = new Channel(process.stdio[3] as Duplex, {
      parse: parseEngineMessage,
      onMessage: (message) => this.#receive(message),
      onEnd: (error) => this.#onChannelEnd(error),
    });
    this.#timer = setInterval(() => this.#obey(this.#liveness.check(systemClock.now())), checkMs);
    this.exited = this.#watchExit();
  }

  send(message: HostMessage): void {
    this.#channel.send(message);
  }

  kill(why: string): void {
    this.#killedFor ??= why;
    this.#process.kill("SIGKILL");
  }

  /** Ends the process, in order if it can within `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.send({ type: "close" });
    const timer = setTimeout(() => this.kill(`it did not close within ${graceMs} ms`), graceMs);
    await this.exited;
    clearTimeout(timer);
  }

  #receive(message: EngineMessage): void {
    this.#liveness.heard(systemClock.now());
    if (message.type === "heartbeat") {
      this.#memory.look();
      this.#obey(this.#liveness.judge(message.pulse));
    } else this.#options.onMessage(message);
  }

  #obey(verdict: Verdict): void {
    switch (verdict.type) {
      case "alive":
        return;
      case "abort":
        this.#options.logger.warn({ pid: this.pid }, "a step takes far too long and is aborted");
        return this.send({ type: "abort-step" });
      case "kill":
        return this.kill(verdict.why);
    }
  }

  /** A process without a channel is of no use; usually it is just dying, and why is told by its end. */
  #onChannelEnd(error: Error | undefined): void {
    if (error instanceof ProtocolError) return this.kill(`its channel broke: ${error.message}`);
    setTimeout(() => {
      if (this.#process.exitCode === null && this.#process.signalCode === null) this.kill("it closed its channel");
    }, drainMs).unref();
  }

  async #watchExit(): Promise<void> {
    const { code, signal, error } = await new Promise<{
      code: number | null;
      signal: NodeJS.Signals | null;
      error?: Error;
    }>((resolve) => {
      this.#process.once("close", (code, signal) => resolve({ code, signal }));
      this.#process.once("exit", (code, signal) => {
        setTimeout(() => resolve({ code, signal }), drainMs).unref();
      });
      this.#process.once("error", (error) => resolve({ code: null, signal: null, error }));
    });
    clearInterval(this.#timer);
    this.#channel.close();
    const end = {
      code,
      signal,
      killedFor: this.#killedFor,
      lastWords: this.#log.lastWords(),
      memory: this.#memory.end(),
    };
    this.#options.onExit({
      problem: error === undefined ? exitInWords(end) : `its process could not be started: ${error.message}`,
      fault: this.#log.fault(),
      byItself: diedByItself(end),
      running: this.#running,
    });
  }
}
