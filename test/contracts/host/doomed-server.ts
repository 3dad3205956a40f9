import { pino } from "pino";
import { defaultPlan } from "../../../src/core/execution-plan.ts";
import { newId } from "../../../src/core/ids.ts";
import { EngineHost } from "../../../src/host/engine-host.ts";

// A server that says its engine's process id, keeps it busy, and waits to be killed.

const host = EngineHost.start(
  { engine: process.argv[2]!, plan: defaultPlan("fake-model", 1) },
  { modelId: "fake", logger: pino({ level: "silent" }) },
);
console.log(host.pid);
await host.ready();
const sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
};
const stream = host.generate(
  {
    id: newId("req"),
    model: "fake",
    prompt: { kind: "text", text: "hi" },
    maxTokens: undefined,
    sampling: { ...sampling, seed: 1 },
    stop: [],
    ignoreEos: true,
  },
  new AbortController().signal,
);
while (!(await stream.next()).done);
