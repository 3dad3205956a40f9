import type { ServingFacts } from "../../app.ts";
import { formatBytes } from "../../core/format-bytes.ts";

/** One line of the report. A `problem` prevents serving; a `warning` makes it slower or unsafe. */
export interface Finding {
  readonly about: string;
  readonly level: "ok" | "warning" | "problem";
  readonly found: string;
  /** What to do, where something can be done. */
  readonly advice?: string;
}

const oldestGlibc = 2.34;
/** Below this share of its periods a quota is not what slows steps down. */
const throttledShare = 0.05;
const littleDisk = 2 * 1024 ** 3;

/** What the facts mean, in the order in which serving needs them. */
export function findingsOf(facts: ServingFacts): Finding[] {
  return [
    { about: "node", level: "ok", found: facts.node },
    cpu(facts),
    threads(facts),
    throttling(facts),
    memory(facts),
    ...libc(facts),
    library(facts),
    gpu(facts),
    store(facts),
    model(facts),
    port(facts),
  ];
}

function cpu({ cpu: { model, count, usable } }: ServingFacts): Finding {
  const found = `${model}, ${count} CPUs${usable < count ? `, ${usable} of them for this process` : ""}`;
  return { about: "cpu", level: "ok", found };
}

function threads({ threads, cpu: { lease } }: ServingFacts): Finding {
  const found = `${threads} (${lease.why})`;
  if (threads < lease.threads) {
    const advice = `--threads auto would use ${lease.threads}`;
    return { about: "threads", level: "ok", found: `${threads}, as configured (${lease.why})`, advice };
  }
  return { about: "threads", level: "ok", found };
}

function throttling({ throttling }: ServingFacts): Finding {
  if (throttling === undefined || throttling.periods === 0) {
    return { about: "throttling", level: "ok", found: "no CPU quota has stopped this container" };
  }
  const share = throttling.throttled / throttling.periods;
  const found = `the quota stopped this container in ${(100 * share).toFixed(1)} % of its periods`;
  if (share <= throttledShare) return { about: "throttling", level: "ok", found };
  const advice = "raise the container's CPU limit to a whole number of CPUs, or stop what runs beside";
  return { about: "throttling", level: "warning", found, advice };
}

function memory({ memory: { total, available } }: ServingFacts): Finding {
  return { about: "memory", level: "ok", found: `${formatBytes(available)} can be had of ${formatBytes(total)}` };
}

function libc({ libc }: ServingFacts): Finding[] {
  if (libc === undefined) return [];
  if (libc.kind === "musl") {
    const advice = "the prebuilt llama.cpp needs glibc: use a Debian, Ubuntu or Fedora image instead of Alpine";
    return [{ about: "libc", level: "problem", found: "musl", advice }];
  }
  const found = `glibc ${libc.version}`;
  const [major, minor] = libc.version.split(".").map(Number);
  const [oldMajor, oldMinor] = String(oldestGlibc).split(".").map(Number);
  if (major! > oldMajor! || (major === oldMajor && minor! >= oldMinor!)) return [{ about: "libc", level: "ok", found }];
  const advice = `the prebuilt llama.cpp needs glibc ${oldestGlibc}: Debian 12, Ubuntu 22.04, RHEL 9 or newer`;
  return [{ about: "libc", level: "problem", found, advice }];
}

function library({ library }: ServingFacts): Finding {
  if ("problem" in library) {
    const advice = "npm install --include=optional gets the library for this platform";
    return { about: "library", level: "problem", found: library.problem, advice };
  }
  const found = `llama.cpp ${library.version}, CPU variant ${library.cpuVariant}, in ${library.directory}`;
  return { about: "library", level: "ok", found };
}

function gpu({ gpus }: ServingFacts): Finding {
  if (gpus.length === 0) return { about: "gpu", level: "ok", found: "none seen" };
  return { about: "gpu", level: "ok", found: gpus.join(", "), advice: "not used: this release computes on the CPU" };
}

function store({ store: { folder, free, problem } }: ServingFacts): Finding {
  if (problem !== undefined) {
    return { about: "store", level: "problem", found: problem, advice: "name another folder in MILLRACE_HOME" };
  }
  const found = `${folder}, ${formatBytes(free)} free`;
  if (free >= littleDisk) return { about: "store", level: "ok", found };
  const advice = "millrace models gc and models rm make room; MILLRACE_HOME names another folder";
  return { about: "store", level: "warning", found, advice };
}

function model({ model }: ServingFacts): Finding {
  const { name } = model;
  if (model.state === "refused") {
    const advice = "millrace models suggest names one that fits";
    return { about: "model", level: "problem", found: model.problem, advice };
  }
  if (model.state === "fits") {
    const less = model.less === "" ? "" : `, with ${model.less}`;
    return { about: "model", level: "ok", found: `${name} is here and fits into memory${less}` };
  }
  const advice = `millrace models pull ${name} gets it now`;
  return { about: "model", level: "ok", found: `${name} is not here yet; the first start gets it`, advice };
}

function port({ port: { host, port, problem } }: ServingFacts): Finding {
  const found = `${host}:${port}`;
  if (problem === undefined) return { about: "port", level: "ok", found: `${found} is free` };
  return { about: "port", level: "problem", found: `${found}: ${problem}`, advice: "choose another with --port" };
}
