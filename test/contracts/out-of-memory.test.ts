import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { describe, expect, test, vi } from "vitest";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import { defaultScheduling } from "../../src/core/scheduling.ts";
import { EngineHost } from "../../src/host/engine-host.ts";
import { aRequest, collectAll, never } from "./host/hosts.ts";

// An engine that gets no memory, as the kernel refuses it: by its killer, or call by call.

/** Where a control group can be made, and the name of its limit. */
const groups = existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes")
  ? { root: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes" }
  : { root: "/sys/fs/cgroup", limit: "memory.max" };

/** A control group whose processes may hold 20 MB: no engine starts in it. */
function tinyGroup() {
  const folder = join(groups.root, `millrace-test-${process.pid}`);
  mkdirSync(folder);
  const group = {
    add: (pid: number) => writeFileSync(join(folder, "cgroup.procs"), `${pid}`),
    [Symbol.dispose]: () => rmdirSync(folder),
  };
  try {
    const limit = join(folder, groups.limit);
    accessSync(limit, constants.W_OK); // in a file system of another kind it would be a file like any other
    writeFileSync(limit, `${20 * 2 ** 20}`);
    return group;
  } catch (error) {
    group[Symbol.dispose]();
    throw error;
  }
}

/** Root may, and not in every container. */
function canMakeGroups(): boolean {
  try {
    tinyGroup()[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

function hasPrlimit(): boolean {
  return process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;
}

/** A host, and the words with which it tells of deaths. */
async function started() {
  const words: string[] = [];
  const write = (line: string) => {
    const { err } = JSON.parse(line) as { err?: { message: string } };
    if (err !== undefined) words.push(err.message);
  };
  const logger = pino({ level: "error" }, { write });
  const plan = { ...defaultPlan("fake", 2), slots: 4 };
  const spec = { engine: "fake?stepMs=5", plan };
  const host = EngineHost.start(spec, { modelId: "tight", scheduling: defaultScheduling, logger });
  await host.ready();
  return { host, words, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

/** Kills the engine's process and gives that of the next one, as soon as there is one. */
async function replaced(host: EngineHost): Promise<number> {
  const { pid } = host;
  process.kill(pid!, "SIGKILL");
  await vi.waitUntil(() => host.pid !== undefined && host.pid !== pid, { timeout: 10_000, interval: 1 });
  return host.pid!;
}

const ask = (host: EngineHost) => collectAll(host.generate(aRequest({ maxTokens: 120 }), never));

describe("streams go on", () => {
  test.runIf(canMakeGroups())("after the kernel's killer took the engine, which is told", async () => {
    using group = tinyGroup();
    await using tight = await started();
    const answers = Promise.all([ask(tight.host), ask(tight.host)]);
    await sleep(150);
    group.add(await replaced(tight.host));
    for (const { tokens } of await answers) expect(tokens).toHaveLength(120);
    expect(tight.words).toEqual([
      expect.stringMatching(/SIGKILL \(killed from outside/),
      expect.stringMatching(/SIGKILL \(the system killed it because memory ran out.*: serve fewer requests at once/),
    ]);
  });

  test.runIf(hasPrlimit())("after an engine was refused memory, call by call", async () => {
    await using tight = await started();
    const all = 1024 * Number(/^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${tight.host.pid}/status`, "utf8"))![1]);
    const answers = Promise.all([ask(tight.host), ask(tight.host)]);
    await sleep(150);
    const pid = await replaced(tight.host);
    execFileSync("prlimit", ["--pid", `${pid}`, `--as=${all - 100 * 2 ** 20}`]);
    for (const { tokens } of await answers) expect(tokens).toHaveLength(120);
    expect(tight.words).toEqual([
      expect.stringMatching(/SIGKILL \(killed from outside/),
      expect.stringMatching(/memory|alloc/i),
    ]);
  });
});
