import type { WriteStream } from "node:tty";
import { formatBytes } from "../core/format-bytes.ts";

/** Bytes on their way. */
interface Progress {
  /** What is going on, in words; a new title begins anew. */
  readonly title: string;
  readonly done: number;
  /** Undefined or too small where it can only be guessed. */
  readonly total: number | undefined;
}

const barWidth = 24;
const redrawMs = 100;

/** Shows bytes on their way: a bar that redraws itself on a terminal, a line for each tenth elsewhere. */
export class ProgressDisplay {
  readonly #out: Pick<WriteStream, "write" | "isTTY">;
  readonly #now: () => number;
  #title: string | undefined;
  #begin = 0;
  #drawnAt = -Infinity;
  #tenth = -1;

  constructor(out: Pick<WriteStream, "write" | "isTTY">, now: () => number = () => performance.now()) {
    this.#out = out;
    this.#now = now;
  }

  /** Of a model that is pulled. */
  readonly onPull = ({ source, received, total }: { source: string; received: number; total: number }): void =>
    this.update({
      title: `Getting the model from ${source}`,
      done: received,
      total: total === 0 ? undefined : total, // not all servers tell
    });

  update(progress: Progress): void {
    if (progress.title !== this.#title) this.#start(progress.title);
    if (this.#out.isTTY) this.#redraw(progress);
    else this.#printTenth(progress);
  }

  /** Leaves no half-drawn line behind. */
  end(): void {
    if (this.#out.isTTY && this.#title !== undefined) this.#out.write("\r\u001b[2K");
    this.#title = undefined;
  }

  #start(title: string): void {
    this.end();
    this.#title = title;
    this.#begin = this.#now();
    this.#drawnAt = -Infinity;
    this.#tenth = -1;
    this.#out.write(`${title}\n`);
  }

  #redraw({ done, total }: Progress): void {
    const now = this.#now();
    if (now - this.#drawnAt < redrawMs && (total === undefined || done < total)) return;
    this.#drawnAt = now;
    const rate = `${formatBytes(done / Math.max(0.001, (now - this.#begin) / 1000))}/s`;
    this.#out.write(`\r\u001b[2K  ${total === undefined ? formatBytes(done) : bar(done, total)}, ${rate}`);
  }

  #printTenth({ done, total }: Progress): void {
    if (total === undefined) return;
    const tenth = Math.floor(share(done, total) * 10);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    this.#out.write(`  ${percent(done, total)} of ${formatBytes(total)}\n`);
  }
}

/** For commands that were told to be quiet. */
export const noProgress: Pick<ProgressDisplay, "onPull" | "update" | "end"> = {
  onPull: () => {},
  update: () => {},
  end: () => {},
};

function bar(done: number, total: number): string {
  const filled = Math.round(share(done, total) * barWidth);
  return `${"█".repeat(filled)}${"░".repeat(barWidth - filled)} ${percent(done, total)} of ${formatBytes(total)}`;
}

const share = (done: number, total: number) => (total > 0 ? Math.min(1, done / total) : 0);
const percent = (done: number, total: number) => `${Math.floor(share(done, total) * 100)} %`;
