import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Earlier lines of all conversations, the newest first. A file that cannot be read is as good as none. */
export function readHistory(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean).toReversed();
  } catch {
    return [];
  }
}

/** For the owner's eyes only. A folder that cannot be written costs the history, and nothing else. */
export function writeHistory(file: string, lines: readonly string[]): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, lines.toReversed().join("\n"), { mode: 0o600 });
  } catch {
    // see above
  }
}
