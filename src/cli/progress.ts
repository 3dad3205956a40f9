import type { WriteStream } from "node:tty";
import { formatBytes } from "../core/format-bytes.ts";

/** What a transfer looks like; all in bytes. */
interface Transfer {
  readonly source: string;
  readonly received: number;
  readonly total: number;
}

const barWidth = 24;
const redrawMs = 100;

/** Shows a transfer: a bar that redraws itself on a terminal, a line for each tenth elsewhere. */
export class ProgressDisplay {
  readonly #out: Pick<WriteStream, "write" | "isTTY">;
  readonly #now: () => number;
  #source: string | undefined;
  #begin = 0;
  #drawnAt = -Infinity;
  #tenth = -1;

  constructor(out: Pick<WriteStream, "write" | "isTTY">, now: () => number = () => performance.now()) {
    this.#out = out;
    this.#now = now;
  }

  update(transfer: Transfer): void {
    if (transfer.source !== this.#source) this.#start(transfer.source);
    if (this.#out.isTTY) this.#redraw(transfer);
    else this.#printTenth(transfer);
  }

  /** Leaves no half-drawn line behind. */
  end(): void {
    if (this.#out.isTTY && this.#source !== undefined) this.#out.write("\r\u001b[2K");
    this.#source = undefined;
  }

  #start(source: string): void {
    this.end();
    this.#source = source;
    this.#begin = this.#now();
    this.#drawnAt = -Infinity;
    this.#tenth = -1;
    this.#out.write(`Getting the model from ${source}\n`);
  }

  #redraw({ received, total }: Transfer): void {
    const now = this.#now();
    if (now - this.#drawnAt < redrawMs && received < total) return;
    this.#drawnAt = now;
    const filled = Math.round(share(received, total) * barWidth);
    const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
    const rate = formatBytes(received / Math.max(0.001, (now - this.#begin) / 1000));
    this.#out.write(`\r\u001b[2K  ${bar} ${percent(received, total)} of ${formatBytes(total)}, ${rate}/s`);
  }

  #printTenth({ received, total }: Transfer): void {
    const tenth = Math.floor(share(received, total) * 10);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    this.#out.write(`  ${percent(received, total)} of ${formatBytes(total)}\n`);
  }
}

const share = (received: number, total: number) => (total > 0 ? Math.min(1, received / total) : 0);
const percent = (received: number, total: number) => `${Math.floor(share(received, total) * 100)} %`;
