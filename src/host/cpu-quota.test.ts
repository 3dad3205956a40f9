import { expect, test } from "vitest";
import { parseCfsQuota, parseCgroups, parseCpuMax, threadsForThisMachine } from "./cpu-quota.ts";

const machine = (files: Record<string, string>) => (path: string) => files[path];

test.each([
  ["max 100000\n", undefined],
  ["765000 100000\n", 7.65],
  ["50000 100000", 0.5],
  ["", undefined],
  ["nonsense", undefined],
])("cpu.max %j is %s cores", (text, cores) => {
  expect(parseCpuMax(text)).toBe(cores);
});

test.each([
  ["-1\n", "100000\n", undefined],
  ["200000\n", "100000\n", 2],
  ["", "", undefined],
])("a CFS quota of %j in %j is %s cores", (quota, period, cores) => {
  expect(parseCfsQuota(quota, period)).toBe(cores);
});

test("the lines of /proc/self/cgroup", () => {
  expect(parseCgroups("4:memory:/a\n2:cpu,cpuacct:/docker/5f\n0::/user.slice/x:y\n\n")).toEqual([
    { controllers: ["memory"], path: "/a" },
    { controllers: ["cpu", "cpuacct"], path: "/docker/5f" },
    { controllers: [], path: "/user.slice/x:y" },
  ]);
});

test("without cgroups it is what the affinity allows", () => {
  expect(threadsForThisMachine(12, machine({})).threads).toBe(12);
});

test("a quota is rounded down", () => {
  const files = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "765000 100000\n" };
  expect(threadsForThisMachine(64, machine(files))).toEqual({
    threads: 7,
    why: "the cgroup's quota is 7.65 of 64 CPUs",
  });
});

test("less than one core is one thread", () => {
  const files = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "25000 100000\n" };
  expect(threadsForThisMachine(8, machine(files)).threads).toBe(1);
});

test("a quota above the affinity changes nothing", () => {
  const files = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "1600000 100000\n" };
  expect(threadsForThisMachine(2, machine(files)).threads).toBe(2);
});

test("the tightest of all ancestors counts (version 2)", () => {
  const files = {
    "/proc/self/cgroup": "0::/kubepods/pod1/main\n",
    "/sys/fs/cgroup/kubepods/pod1/main/cpu.max": "max 100000\n",
    "/sys/fs/cgroup/kubepods/pod1/cpu.max": "300000 100000\n",
    "/sys/fs/cgroup/kubepods/cpu.max": "600000 100000\n",
  };
  expect(threadsForThisMachine(32, machine(files)).threads).toBe(3);
});

test("in a container of version 1 the path is the host's and the quota is at the root", () => {
  const files = {
    "/proc/self/cgroup": "3:cpu,cpuacct:/docker/5f\n1:name=systemd:/docker/5f\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
  };
  expect(threadsForThisMachine(32, machine(files)).threads).toBe(1);
});

test("both versions at once: the controller's own hierarchy is read", () => {
  const files = {
    "/proc/self/cgroup": "1:cpu:/a\n0::/\n",
    "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "400000\n",
    "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
  };
  expect(threadsForThisMachine(32, machine(files)).threads).toBe(4);
});
