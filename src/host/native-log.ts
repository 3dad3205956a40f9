import type { Readable } from "node:stream";
import { LineSplitter } from "./channel.ts";

const linesKept = 50;
const longestLine = 2 ** 20;

/**
 * The lines that say why a process died or could not open its model: native asserts, C++ exceptions, allocation
 * failures, what is wrong with a file, JavaScript errors.
 */
const telling =
  /assert|terminate called|what\(\):|fatal|out of memory|failed to (?:allocate|initialize)|error loading|^\w*Error\b/i;

/** What an engine process writes to its standard streams: passed on line by line, the last lines kept. */
export class NativeLog {
  readonly #onLine: (line: string) => void;
  #lines: string[] = [];

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  read(stream: Readable): void {
    let splitter = new LineSplitter(longestLine);
    stream.on("data", (chunk: Buffer) => {
      try {
        for (const line of splitter.push(chunk)) this.#add(line);
      } catch {
        splitter = new LineSplitter(longestLine); // a megabyte without a newline tells nobody anything
      }
    });
    stream.on("end", () => this.#add(splitter.rest()));
    stream.on("error", () => {}); // its end is told by the process's own
  }

  /** The last line that explains a death or a failure. */
  fault(): string | undefined {
    return this.#lines.findLast((line) => telling.test(line));
  }

  /** The same, else the very last line; undefined if nothing was written. */
  lastWords(): string | undefined {
    return this.fault() ?? this.#lines.at(-1);
  }

  #add(text: string): void {
    const line = text.trimEnd();
    if (line === "") return;
    this.#lines.push(line);
    if (this.#lines.length > linesKept) this.#lines.shift();
    this.#onLine(line);
  }
}
