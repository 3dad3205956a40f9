import { pino } from "pino";
import { defaultPlan } from "../../../src/core/execution-plan.ts";
import { newId } from "../../../src/core/ids.ts";
import { defaultScheduling } from "../../../src/core/scheduling.ts";
import { EngineHost } from "../../../src/host/engine-host.ts";
import { someRequest, someSampling } from "../../../src/inference/testing.ts";

// A server that says its engine's process id, keeps it busy, and waits to be killed.

const host = EngineHost.start(
  { engine: process.argv[2]!, plan: defaultPlan("fake-model", 1) },
  { modelId: "fake", scheduling: defaultScheduling, logger: pino({ level: "silent" }) },
);
console.log(host.pid);
await host.ready();
const stream = host.generate(
  someRequest({
    id: newId("req"),
    prompt: { kind: "text", text: "hi" },
    maxTokens: undefined,
    sampling: someSampling({ temperature: 0 }),
    ignoreEos: true,
  }),
  new AbortController().signal,
);
while (!(await stream.next()).done);
