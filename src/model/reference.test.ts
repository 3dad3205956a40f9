import fc from "fast-check";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MillraceError } from "../core/errors.ts";
import { parseReference } from "./reference.ts";

test.each([
  ["smollm2-135m-instruct", { kind: "name", name: "smollm2-135m-instruct" }],
  ["model.gguf", { kind: "file", path: "model.gguf" }],
  ["../a/model", { kind: "file", path: "../a/model" }],
  ["C:\\models\\m", { kind: "file", path: "C:\\models\\m" }],
  ["hf:o/r", { kind: "hub", repo: "o/r", revision: "main" }],
  ["hf:o/r:Q4_K_M", { kind: "hub", repo: "o/r", quant: "Q4_K_M", revision: "main" }],
  ["hf:o/r:Q4_K_M@v1.0", { kind: "hub", repo: "o/r", quant: "Q4_K_M", revision: "v1.0" }],
  ["hf:o/r/a b/f.gguf", { kind: "hub", repo: "o/r", path: "a b/f.gguf", revision: "main" }],
  ["hf:o/r/f.gguf@refs/pr/1", { kind: "hub", repo: "o/r", path: "f.gguf", revision: "refs/pr/1" }],
  ["https://a.example/m.gguf?sig=1", { kind: "url", url: "https://a.example/m.gguf?sig=1" }],
  ["http://127.0.0.1:80/m", { kind: "url", url: "http://127.0.0.1/m" }],
  [
    "https://huggingface.co/o/r/blob/main/d/f.gguf?download=true",
    { kind: "hub", repo: "o/r", path: "d/f.gguf", revision: "main" },
  ],
])("%s", (text, reference) => expect(parseReference(text)).toEqual(reference));

test.each([
  "hf:",
  "hf:owner",
  "hf:../repo:Q4_0",
  "hf:o/..",
  "hf:o/r/../../secret.gguf",
  "hf:o/r/a/./f.gguf",
  "hf:o/r/f.bin",
  "hf:o/r/f%2e.gguf",
  "hf:o/r/f.gguf@../x",
  "hf:o/r/f.gguf@",
  "hf:o/r:Q4/0",
  "https://",
  "http://elsewhere.example/m.gguf",
  "https://me:secret@a.example/m.gguf",
])("%s is refused, and no password is repeated", (text) => {
  expect(() => parseReference(text)).toThrow(MillraceError);
  expect(() => parseReference(text)).not.toThrow(/secret@/);
});

test("whatever is read of a hub reference stays below the repository", () => {
  const pieces = fc.constantFrom("hf:", "a", "..", ".", "/", ":", "@", "\\", "%2e", "x.gguf", "\0", "?", "#");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      let parsed;
      try {
        parsed = parseReference(`hf:${parts.join("")}`);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(MillraceError);
        return;
      }
      if (parsed.kind !== "hub") throw new Error(parsed.kind);
      const inRepo = join("/root", parsed.repo, parsed.revision, parsed.path ?? "");
      expect(inRepo.startsWith(join("/root", parsed.repo, parsed.revision))).toBe(true);
      expect(join("/root", parsed.repo).split("/")).toHaveLength(4);
    }),
  );
});
