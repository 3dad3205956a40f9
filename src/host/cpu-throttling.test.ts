import { expect, test } from "vitest";
import { cpuThrottling } from "./cpu-throttling.ts";

const machine = (files: Record<string, string>) => (path: string) => files[path];

test("counts of the cgroup that was stopped most, in both versions", () => {
  const v2 = machine({
    "/proc/self/cgroup": "0::/app\n",
    "/sys/fs/cgroup/cpu.stat": "usage_usec 5\nnr_periods 7\nnr_throttled 0\n",
    "/sys/fs/cgroup/app/cpu.stat": "usage_usec 5\nnr_periods 100\nnr_throttled 40\nthrottled_usec 9\n",
  });
  expect(cpuThrottling(v2)).toEqual({ periods: 100, throttled: 40 });
  const v1 = machine({
    "/proc/self/cgroup": "4:memory:/\n1:cpu,cpuacct:/box\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.stat": "nr_periods 3\nnr_throttled 1\nthrottled_time 9\n",
  });
  expect(cpuThrottling(v1)).toEqual({ periods: 3, throttled: 1 });
});

test("nothing where the kernel counts nothing", () => {
  expect(cpuThrottling(machine({}))).toBeUndefined();
  const idle = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.stat": "usage_usec 5\n" };
  expect(cpuThrottling(machine(idle))).toBeUndefined();
});
