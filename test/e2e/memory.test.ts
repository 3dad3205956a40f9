import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exitCodes } from "../../src/core/exit-codes.ts";
import { peakBytes } from "../../src/host/process-memory.ts";
import { testModel } from "../models.ts";
import { descendants } from "./processes.ts";
import { program, startServer } from "./server.ts";

const mebibyte = 1024 * 1024;
const scratch = mkdtempSync(join(tmpdir(), "millrace-memory-"));

/**
 * A Node that sees the control groups of a container with so many bytes: in a mount namespace of its own other files lie
 * where those of the kernel are. Nothing enforces the limit.
 */
function nodeInContainer(bytes: number): string {
  const folder = join(scratch, `${bytes}`);
  mkdirSync(join(folder, "groups", "memory"), { recursive: true });
  for (const [name, text] of [
    ["memory.max", bytes],
    ["memory.current", 0],
    ["memory/memory.limit_in_bytes", bytes],
    ["memory/memory.usage_in_bytes", 0],
  ] as const)
    writeFileSync(join(folder, "groups", name), `${text}\n`);
  const node = join(folder, "node");
  const inside = `mount --bind '${folder}/groups' /sys/fs/cgroup && exec '${process.execPath}' "$@"`;
  writeFileSync(
    node,
    `#!/bin/sh\nexec unshare --mount --map-root-user sh -c '${inside.replaceAll("'", `'\\''`)}' sh "$@"\n`,
  );
  chmodSync(node, 0o755);
  return node;
}

/** Not every system lets its users make namespaces. */
const hasNamespaces = spawnSync(nodeInContainer(1), ["--version"]).status === 0;

function serveIn(node: string, ...args: string[]) {
  const { status, stderr } = spawnSync(node, [program, "serve", "--port", "0", ...args], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, stderr };
}

test.skipIf(!hasNamespaces)(
  "what does not fit into the container is refused before it is loaded, with what would fit",
  async () => {
    const model = await testModel("smollm2");
    const small = nodeInContainer(450 * mebibyte);
    const { status, stderr } = serveIn(small, "--model", model);
    expect(status).toBe(exitCodes.modelNotLoadable.code);
    expect(stderr).toMatch(
      /needs about \d+ MiB \(weights 92\.1 MiB, context 360 MiB, .*\) and 450 MiB can be had; --cache-memory \d+MiB --parallel (\d) would fit/,
    );
    const options = /; (--cache-memory .*?) would fit/.exec(stderr)![1]!.split(" ");
    await using server = await startServer({ args: ["--model", model, ...options], node: small });
    expect(server.output()).not.toContain("to fit into memory");
    expect(serveIn(nodeInContainer(100 * mebibyte), "--model", model, "--fit").stderr).toMatch(
      /100 MiB can be had; no shorter context fits/,
    );
  },
);

test.skipIf(!hasNamespaces)("--fit loads what fits, says so, answers, and keeps to it", async () => {
  const model = await testModel("smollm2");
  await using server = await startServer({
    args: ["--model", model, "--fit"],
    node: nodeInContainer(450 * mebibyte),
  });
  const less = /no prefix cache instead of .*|[\d.]+ MiB of prefix cache instead of .*, \d slots instead of 8/;
  expect(server.output()).toMatch(new RegExp(`note +to fit into memory: .*\\d slots? instead of 8`));
  expect(server.output()).toMatch(new RegExp(`"level":"warn".*it gets (?:${less.source})`));
  const asked = { prompt: "Once upon a time", max_tokens: 20, ignore_eos: true };
  const answers = Array.from({ length: 10 }, () =>
    fetch(`${server.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(asked),
    }),
  );
  for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
  const peaks = descendants(server.process.pid!).map((pid) => peakBytes(pid) ?? 0);
  expect(Math.max(...peaks)).toBeLessThan(450 * mebibyte);
});

test("--model-memory is a limit like a container's; a cache without a size takes what is left", async () => {
  const model = await testModel("smollm2");
  const small = ["--model", model, "--parallel", "2", "--context", "512"];
  const refused = serveIn(process.execPath, ...small, "--model-memory", "300MiB", "--cache-memory", "1GiB");
  expect(refused.status).toBe(exitCodes.modelNotLoadable.code);
  expect(refused.stderr).toMatch(/prefix cache 1\.0 GiB, .*; --cache-memory \d+MiB would fit/);
  await using server = await startServer({ args: [...small, "--model-memory", "300MiB"] });
  expect(server.output()).toMatch(/note +to fit into memory: \d+(?:\.\d)? MiB of prefix cache instead of/);
});
