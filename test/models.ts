import { join } from "node:path";
import { resolveModel } from "../src/model/resolve-model.ts";

const names = {
  smollm2: "smollm2-135m-instruct",
  gemma3: "gemma-3-270m",
  tinyllama: "tinyllama-1.1b-chat",
  minilm: "all-minilm-l6-v2",
} as const;

/** Path of a real model, pulled once into `.cache/models` and kept there for later runs. */
export async function testModel(model: keyof typeof names): Promise<string> {
  const { file } = await resolveModel(names[model], { home: join(import.meta.dirname, "..", ".cache", "models") });
  return file;
}

/**
 * Between two batch shapes the logits of these models differ by up to 1.2; another text makes 13 to 19 of difference, a
 * wrong memory 5 to 18.
 */
export const logitNoise = 2.5;
