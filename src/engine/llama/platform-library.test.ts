import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { findLibrary } from "./platform-library.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-library-"));
afterAll(() => rmSync(folder, { recursive: true }));

function aPackage(name: string, files: readonly string[]): string {
  const directory = mkdtempSync(join(folder, name));
  for (const file of [...files, "llama-addon.node", "_nlcBuildMetadata.json"]) writeFileSync(join(directory, file), "");
  return directory;
}

const packages = {
  linux: [
    ["libggml-base.so", "libggml.v0.5.0.so", "libllama.v0.5.0.so"],
    ["libggml-cpu-zen4.so", "libggml-cpu-x64.so", "libllama-common.so", "libggml-cuda.so"],
    ["zen4", "x64"],
    ["libggml-cuda.so"],
  ],
  mac: [
    ["libggml-base.dylib", "libggml.metal.v0.4.0.dylib", "libllama.metal.v0.4.0.dylib"],
    ["libggml-cpu-apple_m2_m3.so", "libllama-common.dylib", "libggml-blas.so", "libggml-metal.so"],
    ["apple_m2_m3"],
    ["libggml-blas.so", "libggml-metal.so"],
  ],
  windows: [
    ["ggml-base.dll", "ggml.v0.4.0.dll", "llama.v0.4.0.dll"],
    ["ggml-cpu-haswell.dll", "llama-common.dll", "llama-addon.lib"],
    ["haswell"],
    [],
  ],
} as const;

test.each(Object.entries(packages))("the files of the %s package are found by pattern", (name, expected) => {
  const [files, others, variants, devices] = expected;
  const library = findLibrary(aPackage(name, [...others, ...files]));
  expect(library.files.map((file) => basename(file))).toEqual(files);
  expect(new Set(library.cpuVariants.keys())).toEqual(new Set(variants));
  expect(library.deviceBackends.map((file) => basename(file)).toSorted()).toEqual(devices);
});

test("a folder without the library, or none, is refused by name", () => {
  const refusal = expect.objectContaining({ code: "unsupported_library" });
  expect(() => findLibrary(aPackage("empty", []))).toThrow(refusal);
  expect(() => findLibrary(join(folder, "missing"))).toThrow(refusal);
});
