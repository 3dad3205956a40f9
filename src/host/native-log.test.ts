import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { NativeLog } from "./native-log.ts";

async function logged(...chunks: string[]): Promise<{ log: NativeLog; lines: string[] }> {
  const lines: string[] = [];
  const log = new NativeLog((line) => lines.push(line));
  const stream = new PassThrough();
  log.read(stream);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await new Promise((resolve) => stream.once("end", resolve));
  return { log, lines };
}

test("lines are passed on whole, the last one also without its newline", async () => {
  const { lines } = await logged("llama_model_", "loader: ok\n\nsecond\r\nthi", "rd");
  expect(lines).toEqual(["llama_model_loader: ok", "second", "third"]);
});

test("the assert is told, not the noise after it", async () => {
  const { log } = await logged("load ok\n", "/src/ggml.c:12: GGML_ASSERT(n > 0) failed\n", "Aborted soon\n");
  expect(log.lastWords()).toBe("/src/ggml.c:12: GGML_ASSERT(n > 0) failed");
});

test("what is wrong with a file is told, not that it could not be loaded", async () => {
  const { log } = await logged(
    "llama_model_load: error loading model: missing tensor 'output_norm.weight'\n",
    "llama_model_load_from_file_impl: failed to load model\n",
  );
  expect(log.fault()).toBe("llama_model_load: error loading model: missing tensor 'output_norm.weight'");
  expect((await logged("load ok\n")).log.fault()).toBeUndefined();
});

test("without a telling line it is the last one", async () => {
  expect((await logged("a\nb\n")).log.lastWords()).toBe("b");
  expect((await logged()).log.lastWords()).toBeUndefined();
});

test("an endless line does not fill the memory", async () => {
  const { lines } = await logged(...Array.from({ length: 40 }, () => "x".repeat(2 ** 16)), "\nlast\n");
  expect(lines.at(-1)).toBe("last");
});
