import { createInterface, type Interface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import { Interrupted } from "../interrupts.ts";
import { completeCommand } from "./slash-commands.ts";

interface LineEditorOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: WriteStream;
  readonly prompt: string;
  /** Earlier lines, the newest first. */
  readonly history: readonly string[];
}

/**
 * Lines from a terminal, with editing and history. What is typed during an answer is not shown in its midst, and is there
 * when the prompt comes back. Ctrl-C ends what is going on, clears the line, or at an empty prompt twice ends the input.
 */
export class LineEditor implements Disposable {
  readonly #interface: Interface;
  readonly #echo: Echo;
  readonly #lines: string[] = [];
  readonly #prompt: string;
  #history: readonly string[];
  #waiting: ((line: string | undefined) => void) | undefined;
  #work: AbortController | undefined;
  #interruptedAtPrompt = false;
  #closed = false;

  constructor({ input, output, prompt, history }: LineEditorOptions) {
    this.#echo = new Echo(output);
    this.#prompt = prompt;
    this.#history = history;
    this.#interface = createInterface({
      input,
      output: this.#echo,
      terminal: true,
      prompt,
      history: [...history],
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: completeCommand,
    });
    this.#interface
      .on("line", (line: string) => this.#onLine(line))
      .on("history", (history: string[]) => (this.#history = [...history]))
      .on("SIGINT", () => this.#onInterrupt())
      .on("close", () => this.#onClose());
  }

  /** Lines so far, the newest first. */
  get history(): readonly string[] {
    return this.#history;
  }

  /** Shows the prompt; gives the next line, or undefined at the end of the input. */
  async nextLine(): Promise<string | undefined> {
    this.#interruptedAtPrompt = false;
    this.#echo.muted = false;
    const typedAhead = this.#lines.shift();
    if (typedAhead !== undefined) {
      this.#echo.write(`${this.#prompt}${typedAhead}\n`);
      this.#echo.muted = true;
      return typedAhead;
    }
    if (this.#closed) return undefined;
    const line = new Promise<string | undefined>((resolve) => (this.#waiting = resolve));
    this.#interface.prompt(true);
    return await line;
  }

  /** Does `work`; Ctrl-C aborts its signal. */
  async interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#work = new AbortController();
    try {
      return await work(this.#work.signal);
    } finally {
      this.#work = undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#interface.close();
  }

  #onLine(line: string): void {
    if (this.#waiting === undefined) this.#lines.push(line);
    else this.#resolve(line);
  }

  #onInterrupt(): void {
    if (this.#work !== undefined) return this.#work.abort(new Interrupted());
    if (this.#waiting === undefined) return;
    if (this.#interface.line !== "") {
      this.#interface.write(null, { ctrl: true, name: "e" });
      this.#interface.write(null, { ctrl: true, name: "u" });
    } else if (this.#interruptedAtPrompt) {
      this.#interface.close();
    } else {
      this.#interruptedAtPrompt = true;
      this.#echo.write("\n(Ctrl-C again to leave)\n");
      this.#interface.prompt();
    }
  }

  #onClose(): void {
    this.#closed = true;
    if (this.#waiting === undefined) return this.#work?.abort(new Interrupted());
    this.#echo.write("\n");
    this.#resolve(undefined);
  }

  /** At once, and not when the line is taken: a second line of the same paste must not be shown yet. */
  #resolve(line: string | undefined): void {
    this.#echo.muted = true;
    this.#waiting!(line);
    this.#waiting = undefined;
  }
}

/** The terminal as the line editor sees it; `muted` while others write there. */
class Echo extends Writable {
  muted = false;
  readonly isTTY = true;
  readonly #terminal: WriteStream;

  constructor(terminal: WriteStream) {
    super({ decodeStrings: false });
    this.#terminal = terminal;
    terminal.on("resize", () => this.emit("resize"));
  }

  get columns(): number {
    return this.#terminal.columns;
  }

  /** Done when it was handed on, so that it cannot be overtaken by what others write. */
  override _write(text: string | Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    if (!this.muted) this.#terminal.write(text);
    done();
  }
}
