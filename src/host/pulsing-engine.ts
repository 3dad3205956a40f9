import type { Batch, Engine, StepOutput } from "../engine/engine.ts";
import type { Pulse } from "./pulse.ts";

/** The same engine, whose steps can be seen in `pulse` from other threads. */
export function pulsingEngine(engine: Engine, pulse: Pulse): Engine {
  const { plan, info, vocabulary, vocabularyHandle, abortFlag } = engine;
  return {
    plan,
    info,
    vocabulary,
    vocabularyHandle,
    abortFlag,
    step: (batch) => pulsingStep(engine, pulse, batch),
    held: (slot) => engine.held(slot),
    trim: (slot, length) => engine.trim(slot, length),
    copy: (from, to, length) => engine.copy(from, to, length),
    save: (slot, into) => engine.save(slot, into),
    restore: (slot, saved) => engine.restore(slot, saved),
    setThreads: (threads) => engine.setThreads(threads),
    [Symbol.dispose]: () => engine[Symbol.dispose](),
  };
}

function pulsingStep(engine: Engine, pulse: Pulse, batch: Batch): StepOutput {
  pulse.beginStep(batch.reduce((sum, { count }) => sum + count, 0));
  try {
    return engine.step(batch);
  } finally {
    pulse.endStep();
    Atomics.store(engine.abortFlag, 0, 0); // an abort was meant for this step; the next one starts without it
  }
}
