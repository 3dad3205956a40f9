// Child process of cpu-variant.ts: `probe-variant DIRECTORY LEFT_OUT,LEFT_OUT` writes the name of the best other variant
// and computes with it. Exit code 0 = it works; death by a signal = it does not.
import { writeSync } from "node:fs";
import { tensorTypes } from "./native-constants.ts";
import { computeGraph, scoreVariant, type Native, type Pointer } from "./native.ts";
import { findLibrary, openLibrary } from "./platform-library.ts";

const [directory = "", leftOut = ""] = process.argv.slice(2);
const ranking = [...findLibrary(directory).cpuVariants]
  .filter(([variant]) => !leftOut.split(",").includes(variant))
  .map(([variant, file]) => ({ variant, file, score: scoreVariant(file) }))
  .filter(({ score }) => score > 0)
  .toSorted((a, b) => b.score - a.score);
const best = ranking[0];
if (best !== undefined) {
  writeSync(process.stdout.fd, best.variant);
  const native = openLibrary(directory);
  if (native.loadBackend(best.file) === null) process.exit(1);
  process.exit(compute(native, best.file));
}

/** Small products with the weights' usual types, then what surrounds them in a layer. */
function compute(native: Native, file: string): number {
  const memory = native.newTensorContext({ mem_size: 16 << 20, mem_buffer: null, no_alloc: false });
  const zeros = (type: number, columns: number, rows: number): Pointer =>
    native.setZero(native.newTensor(memory, type, columns, rows));
  const products = Object.values(tensorTypes).flatMap((type) =>
    [1, 8].map((tokens) => native.multiply(memory, zeros(type, 256, 64), zeros(tensorTypes.f32, 256, tokens))),
  );
  const graph = native.newGraph(memory);
  for (const product of products) {
    native.expandGraph(graph, native.softMax(memory, native.silu(memory, native.add(memory, product, product))));
  }
  return computeGraph(file, memory, graph);
}
