import { existsSync } from "node:fs";
import { join } from "node:path";
import { quantizedTypes, quantizeModel } from "../src/engine/llama/quantize.ts";
import { threadsForThisMachine } from "../src/host/cpu-quota.ts";
import { testModel } from "../test/models.ts";

/** SmolLM2 as published (q4_1), or requantized by the library into the cache. */
export async function modelOfType(name: string): Promise<string> {
  const source = await testModel("smollm2");
  if (name === "q4_1") return source;
  const type = quantizedTypes.find((known) => known === name);
  if (type === undefined) throw new Error(`--types ${name}: known are ${quantizedTypes.join(", ")}`);
  const output = join(import.meta.dirname, "..", ".cache", `smollm2-${type}.gguf`);
  if (!existsSync(output)) quantizeModel({ source, type, output, threads: threadsForThisMachine().threads });
  return output;
}
