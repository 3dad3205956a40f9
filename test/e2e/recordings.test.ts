import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { descendants } from "./processes.ts";
import { poll, startServer, type TestServer } from "./server.ts";

const scratch = mkdtempSync(join(tmpdir(), "millrace-recordings-"));
const folder = join(scratch, "answers");
afterAll(() => rmSync(scratch, { recursive: true }));

const messages = [{ role: "user", content: "Tell me about rivers." }];
const chat = "/v1/chat/completions";
const weather = { type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } };
const script = {
  "weather in Rome": '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>',
  sunny: "Take a hat.",
};
const some = { max_tokens: 12, ignore_eos: true };
/** Each once: a prompt that comes again has more `cached_tokens`. */
const requests: readonly (readonly [route: string, body: object])[] = [
  [chat, { messages, ...some }],
  [chat, { messages: [{ role: "user", content: "And lakes?" }], ...some, stream: true, temperature: 1.5 }],
  [chat, { messages: [{ role: "user", content: "And mills?" }], ...some, n: 3, logprobs: true, top_logprobs: 2 }],
  ["/v1/completions", { prompt: ["The wheel", "The stone"], ...some, echo: true, seed: 5 }],
  ["/v1/completions", { prompt: "Flour", ...some, stream: true, stream_options: { include_usage: true } }],
  ["/v1/completions", { prompt: "Is it grain?", guided_choice: ["yes", "no"] }],
  ["/generate_stream", { prompt: "Bread", max_tokens: 5 }],
  ["/v1/embeddings", { model: "embedder", input: ["a mill", "a river"] }],
  ["/v1/embeddings", { model: "embedder", input: "a weir", encoding_format: "base64", dimensions: 8 }],
  ["/tokenize", { content: "a mill by the river" }],
  ["/apply-template", { messages }],
];

async function post({ url }: TestServer, route: string, body: object): Promise<{ status: number; text: string }> {
  const headers = { "content-type": "application/json", authorization: "Bearer s3cret" };
  const response = await fetch(`${url}${route}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

/** All answers, but for what is of their time. */
async function answers(server: TestServer): Promise<string[]> {
  const texts: string[] = [];
  const ask = async (route: string, body: object): Promise<string> => {
    const { status, text } = await post(server, route, body);
    expect({ status, text }).toMatchObject({ status: 200 });
    texts.push(text.replaceAll(/"(?:id|created)":(?:"[^"]*"|\d+),/g, ""));
    return text;
  };
  for (const [route, body] of requests) await ask(route, body);
  // An agent sends the call back with the id that it got, another one each time.
  const asked = { messages: [{ role: "user", content: "How is the weather in Rome?" }], tools: [weather] };
  const { choices } = JSON.parse(await ask(chat, asked)) as {
    readonly choices: readonly [{ readonly message: Called }];
  };
  const { message } = choices[0];
  const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "sunny" };
  expect(await ask(chat, { ...asked, messages: [...asked.messages, message, result] })).toContain("Take a hat.");
  return texts;
}

interface Called {
  readonly tool_calls: readonly [{ readonly id: string }];
}

test("what a server answers is recorded, and another one without a model gives the same answers, byte for byte", async () => {
  const config = join(scratch, "millrace.yaml");
  const models = [
    {
      name: "talker",
      engine: `fake?script=${encodeURIComponent(JSON.stringify(script))}`,
      temperature: 0.9,
      system: "You are a miller.",
    },
    { name: "embedder", engine: "fake", pooling: "mean" },
  ];
  writeFileSync(config, JSON.stringify({ models }));
  let recorded: string[];
  {
    await using server = await startServer({ args: ["--config", config, "--record", folder, "--api-key", "s3cret"] });
    expect(server.output()).toMatch(/records +prompts and answers, in clear, in .*answers/);
    recorded = await answers(server);
  }
  expect(recorded[0]).toMatch(/"content":"\w+/);
  // Of `n`, and of several prompts, each answer is one of its own.
  const kinds = readdirSync(folder).map((name) => name.split("-")[0]!);
  const count = (kind: string) => kinds.filter((one) => one === kind).length;
  expect(["generate", "embed", "ask", "model"].map(count)).toEqual([12, 2, 2, 2]);
  const everything = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  expect(everything.join("")).not.toMatch(/s3cret|key-/);

  await using server = await startServer({ args: ["--replay", folder, "--api-key", "s3cret"] });
  expect(server.output()).toMatch(
    /model +talker · .*\n +model +embedder · .*\n +replays +what was recorded in .*answers/,
  );
  await poll(() => (descendants(server.process.pid!).length === 0 ? true : undefined));
  expect(await answers(server)).toEqual(recorded);
  expect(await answers(server)).toEqual(recorded);

  // What was recorded whole can be streamed.
  const { text } = await post(server, chat, { messages, ...some, stream: true });
  const chunks = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json!) as Chunk);
  const streamed = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
  expect(recorded[0]).toContain(`"content":${JSON.stringify(streamed)}`);

  const unknown = await post(server, chat, { messages, ...some, max_tokens: 13 });
  expect(unknown.status).toBe(404);
  expect(unknown.text).toMatch(/"code":"not_recorded"/);
  expect(unknown.text).toMatch(/the answer to \\"Tell me about rivers\.\\" by 'talker' .* has another maxTokens;/);
  expect(await post(server, chat, { model: "embedder", messages })).toMatchObject({
    status: 400,
    text: expect.stringMatching(/only_embeddings/),
  });
});

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
}
