import { spawnSync } from "node:child_process";

/** Before tests of the built program: builds it, if it is not what the sources say. */
export function setup(): void {
  const { status } = spawnSync(process.execPath, ["scripts/setup.mjs"], { stdio: "inherit" });
  if (status !== 0) throw new Error("the program could not be built");
}
