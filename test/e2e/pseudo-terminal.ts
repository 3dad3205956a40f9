import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { poll, program } from "./server.ts";

/** util-linux's `script` gives a program a terminal of its own. */
export const hasPseudoTerminal =
  process.platform === "linux" && spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0;

export interface PseudoTerminal extends AsyncDisposable {
  /** Everything on the screen since the last `see`. */
  see(pattern: RegExp): Promise<string>;
  type(keys: string): void;
  exitCode(): Promise<number | null>;
}

export const keys = { enter: "\r", ctrlC: "\x03", ctrlD: "\x04", up: "\x1b[A", backspace: "\x7f", tab: "\t" } as const;

/** Runs the built program on a terminal. */
export function onTerminal(args: readonly string[], env: Readonly<Record<string, string>>): PseudoTerminal {
  const quoted = [process.execPath, program, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", quoted, "/dev/null"], { env: { ...process.env, TERM: "xterm", ...env } });
  const exit = once(child, "exit") as Promise<[number | null]>;
  let screen = "";
  child.stdout.on("data", (chunk: Buffer) => (screen += chunk.toString()));
  return {
    async see(pattern) {
      const seen = await poll(() => {
        const found = pattern.exec(screen);
        if (found === null && child.exitCode !== null) throw new Error(`it ended, and on the screen was ${screen}`);
        return found ?? undefined;
      }).catch((error: unknown) => {
        throw new Error(`${String(pattern)} was not seen, but ${JSON.stringify(screen)}`, { cause: error });
      });
      const end = seen.index + seen[0].length;
      const before = screen.slice(0, end);
      screen = screen.slice(end);
      return before;
    },
    type: (keys) => void child.stdin.write(keys),
    exitCode: async () => (await exit)[0],
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill("SIGKILL"); // its terminal ends with it, and so does what runs there
      await exit;
    },
  };
}
