import type { ExecutionPlan } from "../core/execution-plan.ts";
import type { Embedder } from "./embedder.ts";
import type { Engine } from "./engine.ts";
import type { Vocabulary, VocabularyHandle } from "./vocabulary.ts";
import { openFakeEmbedder } from "./fake/fake-embedder.ts";
import { openFakeEngine, openFakeVocabulary } from "./fake/fake-engine.ts";
import { openLlamaEmbedder } from "./llama/llama-embedder.ts";
import { openLlamaEngine } from "./llama/llama-engine.ts";
import { openLlamaVocabulary } from "./llama/llama-vocabulary.ts";

/** Which engine runs a plan: "llama", or "fake" with options ("fake?stepMs=5&crashAtStep=20"). */
export interface EngineSpec {
  readonly engine: string;
  readonly plan: ExecutionPlan;
}

/**
 * Loads the model of a plan to generate on the calling thread, which is blocked meanwhile. `onProgress` gets 0..1. Throws
 * MillraceError.
 */
export function openEngine(spec: EngineSpec, onProgress: (fraction: number) => void = () => {}): Engine {
  return isFake(spec.engine)
    ? openFakeEngine(spec.plan, optionsOf(spec.engine), onProgress)
    : openLlamaEngine(spec.plan, onProgress);
}

/** `openEngine` for a plan to embed. */
export function openEmbedder(spec: EngineSpec, onProgress: (fraction: number) => void = () => {}): Embedder {
  return isFake(spec.engine)
    ? openFakeEmbedder(spec.plan, optionsOf(spec.engine), onProgress)
    : openLlamaEmbedder(spec.plan, onProgress);
}

/** Opens an engine's vocabulary on this thread. */
export function openVocabulary(handle: VocabularyHandle): Vocabulary {
  return handle.kind === "fake" ? openFakeVocabulary(handle.options) : openLlamaVocabulary(handle);
}

function optionsOf(fake: string): string {
  return fake.slice("fake?".length);
}

function isFake(engine: string): boolean {
  return engine === "fake" || engine.startsWith("fake?");
}
