import { writeSync } from "node:fs";
import type { Readable } from "node:stream";
import { LineSplitter } from "./channel.ts";

const runNotesFd = 4;
const longestLine = 2 ** 20;

/**
 * What an engine process tells its server before it works on something else than before: the ids of those requests. It is
 * written by the thread that steps, and has left the process when the step begins: so it survives whatever the step does.
 */
export class RunNotes {
  #last = "";

  write(ids: readonly string[]): void {
    const line = ids.join(" ");
    if (line === this.#last) return;
    this.#last = line;
    writeSync(runNotesFd, `${line}\n`);
  }
}

/** The server's side of it. */
export function readRunNotes(stream: Readable, onNote: (ids: string[]) => void): void {
  const splitter = new LineSplitter(longestLine);
  stream.on("error", () => {}); // its end is told by the process's own
  stream.on("data", (chunk: Buffer) => {
    const note = splitter.push(chunk).at(-1);
    if (note !== undefined) onNote(note.split(" "));
  });
}
