import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { convertBert } from "./bert-conversion.ts";
import { readGgufHeader } from "./gguf-header.ts";
import { ggufFile } from "./gguf-writer.ts";
import { safetensorsOf, tinyBert } from "./testing.ts";

const about = { name: "Tiny", license: "mit" };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-bert-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a BERT becomes a file whose header says what the BERT is", async () => {
  const path = join(folder, "bert.gguf");
  await writeFile(path, Buffer.concat([...ggufFile(convertBert(tinyBert(), about))]));
  const header = await readGgufHeader(path);
  expect(header).toMatchObject({ architecture: "bert", name: "Tiny", license: "mit", fileType: "F16" });
  expect(header).toMatchObject({ contextLength: 16, embeddingLength: 4, feedForwardLength: 8, heads: 2 });
  expect(header).toMatchObject({ vocabularySize: 8, hasChatTemplate: false });
  expect(header.tensors.map(({ name, type, dimensions }) => [name, type, ...dimensions])).toEqual([
    ["token_embd.weight", "f16", 4, 8],
    ["position_embd.weight", "f32", 4, 16],
    ["token_types.weight", "f32", 4, 2],
    ["token_embd_norm.weight", "f32", 4],
    ["token_embd_norm.bias", "f32", 4],
    ["blk.0.attn_q.weight", "f16", 4, 4],
    ["blk.0.attn_output_norm.bias", "f32", 4],
    ["blk.0.ffn_up.weight", "f16", 4, 8],
    ["blk.0.ffn_down.weight", "f16", 8, 4],
    ["blk.0.layer_output_norm.weight", "f32", 4],
  ]);
});

test("tokens that begin a word are marked, those that go on are not, special ones are control tokens", () => {
  const metadata = new Map(convertBert(tinyBert(), about).metadata);
  const texts = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u2581run", "ning", "\u2581[unused1]"];
  expect(metadata.get("tokenizer.ggml.tokens")).toEqual({ texts });
  expect(metadata.get("tokenizer.ggml.token_type")).toEqual({ i32s: [3, 3, 3, 3, 3, 1, 1, 1] });
  expect(metadata.get("tokenizer.ggml.cls_token_id")).toEqual({ u32: 2 });
  expect(metadata.get("tokenizer.ggml.seperator_token_id")).toEqual({ u32: 3 });
  expect(metadata.get("bert.pooling_type")).toEqual({ u32: 1 });
  expect(metadata.get("bert.attention.causal")).toEqual({ bool: false });
});

test("a model of another kind is refused with what is wrong", () => {
  const bert = tinyBert();
  const changed = (file: Buffer, from: string, to: string) => Buffer.from(file.toString().replace(from, to));
  const attempts: [Parameters<typeof convertBert>[0], string][] = [
    [{ ...bert, config: changed(bert.config, '"bert"', '"roberta"') }, "its config.json is not that of a BERT"],
    [{ ...bert, config: Buffer.from("{") }, "its config.json is not that of a BERT that can be converted"],
    [{ ...bert, tokenizer: changed(bert.tokenizer, "WordPiece", "BPE") }, "(model.type: "],
    [{ ...bert, tokenizer: changed(bert.tokenizer, '"lowercase":true', '"lowercase":false') }, "normalizer.lowercase"],
    [{ ...bert, config: changed(bert.config, '"vocab_size":8', '"vocab_size":9') }, "has not 9 tokens"],
    [{ ...bert, tokenizer: changed(bert.tokenizer, "run", "[MASK]") }, "has not 8 tokens"],
    [{ ...bert, weights: safetensorsOf({ "lm_head.weight": [4, 4] }) }, "its tensor 'lm_head.weight' (F16) is not one"],
  ];
  for (const [files, problem] of attempts) expect(() => convertBert(files, about)).toThrow(problem);
});
