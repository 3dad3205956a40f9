import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Folder of everything that Millrace keeps: `MILLRACE_HOME`, else `millrace` where this system keeps a user's data (XDG's
 * base directory, Windows' local application data).
 */
export function millraceHome(environment: NodeJS.ProcessEnv = process.env): string {
  const named = process.platform === "win32" ? environment["LOCALAPPDATA"] : environment["XDG_DATA_HOME"];
  return environment["MILLRACE_HOME"] || join(named || join(homedir(), ".local", "share"), "millrace");
}
