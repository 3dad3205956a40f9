import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { availableMemory, memoryLimit } from "./available-memory.ts";

const roots: string[] = [];
afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true });
});

async function machine(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "millrace-machine-"));
  roots.push(root);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

const meminfo = "MemTotal:       8000 kB\nMemFree:        1000 kB\nMemAvailable:   4000 kB\n";

test("without a control group: what the machine says", async () => {
  expect(availableMemory(await machine({ "proc/meminfo": meminfo }))).toBe(4_096_000);
});

test("the tightest of all enclosing groups counts, and cache that can be dropped is free (v2)", async () => {
  const root = await machine({
    "proc/meminfo": meminfo,
    "proc/self/cgroup": "0::/outer/inner\n",
    "sys/fs/cgroup/outer/inner/memory.max": "max\n",
    "sys/fs/cgroup/outer/inner/memory.current": "900000\n",
    "sys/fs/cgroup/outer/memory.max": "1000000\n",
    "sys/fs/cgroup/outer/memory.current": "950000\n",
    "sys/fs/cgroup/outer/memory.stat": "anon 1\ninactive_file 200000\nactive_file 3\n",
  });
  expect(availableMemory(root)).toBe(250_003);
  expect(memoryLimit(root)).toBe(1_000_000);
});

test("a container's group is the mount's root, though another path is told (v1)", async () => {
  const root = await machine({
    "proc/meminfo": meminfo,
    "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "1500000\n",
    "sys/fs/cgroup/memory/memory.stat": "inactive_file 7\ntotal_inactive_file 100000\ntotal_active_file 20000\n",
  });
  expect(availableMemory(root)).toBe(620_000);
});

test("what a group slows down at is a limit as well (v2)", async () => {
  const files = { "proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.current": "500000\n" };
  const limits = { "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.high": "700000\n" };
  expect(availableMemory(await machine({ ...files, ...limits }))).toBe(200_000);
  expect(memoryLimit(await machine({ ...files, ...limits, "sys/fs/cgroup/memory.max": "600000\n" }))).toBe(600_000);
});

test("no limit, an exceeded limit, no files at all", async () => {
  const group = { "proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n" };
  const limit = "sys/fs/cgroup/memory/memory.limit_in_bytes";
  const usage = { "sys/fs/cgroup/memory/memory.usage_in_bytes": "5000" };
  expect(availableMemory(await machine({ ...group, [limit]: "9223372036854771712", ...usage }))).toBe(4_096_000);
  expect(availableMemory(await machine({ ...group, [limit]: "4000", ...usage }))).toBe(0);
  expect(availableMemory(await machine({}))).toBeGreaterThan(0);
  expect(memoryLimit(await machine({ ...group, [limit]: "9223372036854771712", ...usage }))).toBe(8_192_000);
  expect(memoryLimit(await machine({}))).toBeGreaterThan(0);
});
