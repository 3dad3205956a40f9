import { pino, type Logger } from "pino";
import { formatLogLine } from "./log-line.ts";

export type { Logger };

interface LoggerOptions {
  /** Least level that is written; "silent" = nothing. */
  readonly level: string;
  /** One readable line per entry instead of JSON; default: whether stderr is a terminal. */
  readonly readable?: boolean;
  /** Where lines go; default: stderr (stdout is for answers and the banner). */
  readonly write?: (line: string) => void;
}

export interface Log {
  readonly logger: Logger;
  /** Also of the children that the logger has. */
  readonly setLevel: (level: string) => void;
}

/** The program's log. Synchronous, so that the last words before a crash are not lost. */
export function createLog({ level, readable = process.stderr.isTTY, write = toStderr() }: LoggerOptions): Log {
  let children: WeakRef<Logger>[] = []; // each has a level of its own
  const options = {
    level,
    onChild: (child: Logger) => {
      children = [...children.filter((one) => one.deref() !== undefined), new WeakRef(child)];
    },
    base: null, // no pid and host: whoever collects logs adds what it needs
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const logger = pino(options, { write: readable ? (line: string) => write(formatLogLine(line)) : write });
  const setLevel = (level: string) => {
    for (const one of [logger, ...children.map((child) => child.deref())]) if (one !== undefined) one.level = level;
  };
  return { logger, setLevel };
}

function toStderr(): (line: string) => void {
  const stream = pino.destination({ fd: 2, sync: true });
  stream.on("error", () => {}); // nobody reads it any more: no reason to end
  return (line) => void stream.write(line);
}
