import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { runCommand } from "./run-command.ts";

test.skipIf(process.platform === "win32")("an abort ends the program and what it has started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-command-"));
  const pidFile = join(folder, "pid");
  const command = {
    name: "wrapper",
    program: "sh",
    args: ["-c", `sleep 60 & echo $! > ${pidFile}; wait`],
    environment: {},
    missing: "",
    problem: () => "",
  };
  const controller = new AbortController();
  const running = runCommand(command, controller.signal).catch((error: unknown) => error);
  const pid = await vi.waitFor(() => {
    const found = Number(readFileSync(pidFile, "utf8"));
    if (found === 0) throw new Error("not yet");
    return found;
  }, 5000);
  controller.abort();
  expect(await running).toBe(controller.signal.reason);
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 5000);
  rmSync(folder, { recursive: true });
});

/** A zombie that nobody has waited for does not run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
