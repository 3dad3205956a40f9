import type { MeasuredProgress, Measurement } from "../../bench/measure-servers.ts";
import type { ResultOptions } from "./results.ts";

interface Display {
  readonly update: ((progress: MeasuredProgress) => void) | undefined;
  readonly end: () => void;
}

const clearLine = "\r\u001b[2K";

/** A line on the terminal that redraws itself; nothing elsewhere, as it would cost the server its CPU time. */
export function loadProgress({ quiet }: ResultOptions, { urls, requests, rounds }: Measurement): Display {
  const out = process.stderr;
  if (quiet === true || !out.isTTY) return { update: undefined, end: () => {} };
  return {
    update: ({ url, round, elapsedMs, ended, failed, running, chunks }) => {
      const turn = urls.length === 1 ? "" : `round ${round + 1}/${rounds}, ${url}: `;
      const of = requests === undefined ? "" : `/${requests}`;
      const rate = (1000 * chunks) / elapsedMs;
      const errors = failed === 0 ? "" : `, ${failed} failed`;
      const figures = `${ended}${of} requests, ${running} running, ${rate.toFixed(0)} chunks/s${errors}`;
      out.write(`${clearLine}${turn}${figures}`.slice(0, clearLine.length + (out.columns || 80) - 1));
    },
    end: () => void out.write(clearLine),
  };
}
