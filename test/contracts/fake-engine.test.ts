import { defaultPlan, type ExecutionPlan } from "../../src/core/execution-plan.ts";
import { openEngine } from "../../src/engine/open.ts";
import { engineContract } from "./engine-contract.ts";

const plan: ExecutionPlan = { ...defaultPlan("fake", 2), slots: 4, contextPerSlot: 256, batch: 128, outputs: 16 };
const exact = { tolerance: 0 };

const open = (engine: string, over: Partial<ExecutionPlan> = {}) => openEngine({ engine, plan: { ...plan, ...over } });

engineContract("fake", () => open("fake"), exact);
engineContract("fake, sliding window", () => open("fake?window=64"), exact);
engineContract("fake, sliding window kept whole", () => open("fake?window=64", { swaFull: true }), exact);
engineContract("fake, recurrent", () => open("fake?recurrent=1"), exact);
engineContract("fake, base model with another seed", () => open("fake?chat=0&seed=7"), exact);
