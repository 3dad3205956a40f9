import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, vi } from "vitest";
import { silenceNativeLog } from "../../src/engine/llama/native-log.ts";
import { testModel } from "../models.ts";

interface RealModels {
  /** The verdict about the CPU goes here, not to the user's. */
  readonly home: string;
  /** Paths, which are there when the tests run. */
  readonly smollm2: string;
  readonly gemma3: string;
}

/** For a file of tests of the real engine: the models, and a home of its own. */
export function realModels(): RealModels {
  const models = { home: mkdtempSync(join(tmpdir(), "millrace-home-")), smollm2: "", gemma3: "" };
  beforeAll(async () => {
    vi.stubEnv("MILLRACE_HOME", models.home);
    silenceNativeLog();
    models.smollm2 = await testModel("smollm2");
    models.gemma3 = await testModel("gemma3");
  }, 300_000);
  afterAll(() => rmSync(models.home, { recursive: true }));
  return models;
}
