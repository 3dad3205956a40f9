import { expect, test } from "vitest";
import { chooseFiles, modelNameOf } from "./choose-files.ts";
import type { HubReference } from "./reference.ts";

const listed = (...paths: string[]) => paths.map((path) => ({ path, bytes: 1, sha256: "0".repeat(64) }));
const files = listed(
  "M-Q4_K_M.gguf",
  "M-IQ4_K_M.gguf",
  "M-q8_0.gguf",
  "BF16/M-BF16-00002-of-00002.gguf",
  "BF16/M-BF16-00001-of-00002.gguf",
  "F32/M-F32-00001-of-00003.gguf",
  "mmproj-Q8_0.gguf",
);

const choose = (asked: Partial<HubReference>, among = files) =>
  chooseFiles(among, { kind: "hub", repo: "o/r", revision: "main", ...asked }).map(({ path }) => path);

test("by number format, by path, and the usual one", () => {
  expect(choose({ quant: "q4_k_m" })).toEqual(["M-Q4_K_M.gguf"]);
  expect(choose({ quant: "Q8_0" })).toEqual(["M-q8_0.gguf"]);
  expect(choose({})).toEqual(["M-Q4_K_M.gguf"]);
  expect(choose({}, listed("other.F16.gguf"))).toEqual(["other.F16.gguf"]);
  expect(choose({ path: "M-q8_0.gguf" })).toEqual(["M-q8_0.gguf"]);
});

test("a split model comes whole and in order, whichever part is named", () => {
  const parts = ["BF16/M-BF16-00001-of-00002.gguf", "BF16/M-BF16-00002-of-00002.gguf"];
  expect(choose({ quant: "BF16" })).toEqual(parts);
  expect(choose({ path: parts[1]! })).toEqual(parts);
  expect(modelNameOf(parts[0]!)).toBe("M-BF16");
});

test("what is not there is said with what is", () => {
  expect(() => choose({ quant: "Q5_0" })).toThrow(/^there is no Q5_0 file; there are: M-Q4_K_M, M-IQ4_K_M, M-q8_0, /);
  expect(() => choose({ path: "M-Q4_K_N.gguf" })).toThrow(
    "there is no file M-Q4_K_N.gguf (did you mean M-Q4_K_M.gguf?)",
  );
  expect(() => choose({ quant: "F32" })).toThrow("F32/M-F32 has 1 of its 3 parts there");
  expect(() => choose({ quant: "F16" }, listed("a-F16.gguf", "b-F16.gguf"))).toThrow(
    "more than one file is F16; name one: a-F16, b-F16",
  );
  expect(() => choose({}, listed("mmproj.gguf"))).toThrow("o/r has no GGUF files; look for a repository that has");
});
