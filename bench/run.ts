import { machineFacts } from "../src/bench/machine.ts";

/** Loaded when asked for: one bench needs a built program, another a model. */
const benches: Record<string, () => Promise<(args: readonly string[]) => void | Promise<void>>> = {
  constraints: async () => (await import("./constraints.ts")).constraints,
  engine: async () => (await import("./engine.ts")).engine,
  lease: async () => (await import("./lease.ts")).lease,
  memory: async () => (await import("./memory.ts")).memory,
  neighbour: async () => (await import("./neighbour.ts")).neighbour,
  plots: async () => (await import("./plots.ts")).plots,
  "plan-step": async () => (await import("./plan-step.ts")).planStep,
  sampling: async () => (await import("./sampling.ts")).sampling,
  start: async () => (await import("./start.ts")).start,
  "step-cost": async () => (await import("./step-cost.ts")).stepCost,
  targets: async () => (await import("./targets/targets.ts")).targets,
};

const [name = "", ...args] = process.argv.slice(2);
const load = benches[name];
if (load === undefined) {
  console.error(`usage: npm run bench -- NAME [options]; NAME is one of ${Object.keys(benches).join(", ")}`);
  process.exitCode = 2;
} else {
  const bench = await load();
  console.log(JSON.stringify({ bench: name, ...machineFacts() }));
  await bench(args);
}
