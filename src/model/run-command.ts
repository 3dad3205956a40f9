import { spawn, type ChildProcess } from "node:child_process";
import { SourceProblem } from "./source-problem.ts";

export interface Command {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Added to ours. */
  readonly environment: Readonly<Record<string, string>>;
  /** What to say when there is no such program. */
  readonly missing: string;
  /** Finds the reason in what it wrote to stderr. */
  readonly problem: (stderr: string) => string;
}

const hasGroups = process.platform !== "win32";
const keptErrorBytes = 64 * 1024;

/** Runs a client program to its end. Throws a SourceProblem when it fails, the signal's reason when that aborts it. */
export async function runCommand(command: Command, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(command.program, command.args, {
    env: { ...process.env, ...command.environment },
    stdio: ["ignore", "ignore", "pipe"],
    windowsHide: true,
    detached: hasGroups,
  });
  const kill = () => killGroup(child);
  signal.addEventListener("abort", kill, { once: true });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-keptErrorBytes);
  });
  try {
    const end = await new Promise<string | undefined>((resolve, reject) => {
      child.once("error", reject);
      // 'exit', not 'close': a grandchild may hold the pipe open long after the program is gone.
      child.once("exit", (code, killer) => resolve(code === 0 ? undefined : (killer ?? `exit code ${code}`)));
    });
    signal.throwIfAborted();
    if (end === undefined) return;
    await new Promise((resolve) => setImmediate(resolve)); // the last of its words may still be in the pipe
    throw new SourceProblem(command.problem(stderr) || `${command.name} failed (${end})`);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT")
      throw new SourceProblem(command.missing, { cause: thrown });
    throw thrown;
  } finally {
    signal.removeEventListener("abort", kill);
    child.stderr.destroy();
  }
}

/** A client may be a wrapper (pyenv's pip is) that the real one would outlive. */
function killGroup(child: ChildProcess): void {
  if (!hasGroups || child.pid === undefined) return void child.kill("SIGKILL");
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // it has ended by itself
  }
}
