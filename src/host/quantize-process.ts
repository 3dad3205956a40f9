import { writeSync } from "node:fs";
import { toMillraceError } from "../core/errors.ts";
import { silenceNativeLog } from "../engine/llama/native-log.ts";
import { quantizeModel } from "../engine/llama/quantize.ts";
import { dieWithParent } from "./parent-death.ts";
import type { QuantizeAnswer, QuantizeOrder } from "./quantize-child.ts";

// `quantize-process PARENT ORDER`: does one order and writes the answer to stdout. The library blocks the thread for
// minutes and dies at a file that it did not expect: both are better here than in the command's own process.

const [parent, order] = process.argv.slice(2);
dieWithParent(Number(parent));
const { job, verbose } = JSON.parse(order!) as QuantizeOrder;
if (!verbose) silenceNativeLog();
answer(quantized());

function quantized(): QuantizeAnswer {
  try {
    return quantizeModel(job);
  } catch (error) {
    return { error: toMillraceError(error).toBody() };
  }
}

function answer(answer: QuantizeAnswer): void {
  writeSync(process.stdout.fd, JSON.stringify(answer));
}
