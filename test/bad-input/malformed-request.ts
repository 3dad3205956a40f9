import fc from "fast-check";
import type * as z from "zod";
import { chatRequest, parseChat } from "../../src/api/openai/chat-request.ts";
import { completionRequest, parseCompletion } from "../../src/api/openai/completion-request.ts";
import { someFixed } from "../../src/api/openai/testing.ts";
import { embeddingRequest } from "../../src/api/openai/embedding-request.ts";
import { applyTemplateRequest, detokenizeRequest, tokenizeRequest } from "../../src/api/plain/text-requests.ts";
import { generateStreamRequest, parseGenerateStream } from "../../src/api/plain/generate-stream.ts";

/** Bytes for a connection of their own, and what is wrong with them. */
export interface MalformedRequest {
  readonly wrong: string;
  readonly bytes: Buffer;
}

interface Route {
  readonly path: string;
  readonly schema: z.ZodObject;
  readonly good: object;
}

const chat = { messages: [{ role: "user", content: "hi" }], max_tokens: 1 };
const text = { prompt: "hi", max_tokens: 1 };
const routes: readonly Route[] = [
  { path: "/v1/chat/completions", schema: chatRequest, good: chat },
  { path: "/chat/completions", schema: chatRequest, good: chat },
  { path: "/v1/completions", schema: completionRequest, good: text },
  { path: "/generate_stream", schema: generateStreamRequest, good: text },
  { path: "/v1/embeddings", schema: embeddingRequest, good: { input: "hi" } },
  { path: "/tokenize", schema: tokenizeRequest, good: { content: "hi" } },
  { path: "/detokenize", schema: detokenizeRequest, good: { tokens: [7] } },
  { path: "/apply-template", schema: applyTemplateRequest, good: { messages: chat.messages } },
];
const anyRoute = fc.constantFrom(...routes);
const goodBody = JSON.stringify(chat);

const parsers = new Map<z.ZodObject, (body: unknown) => unknown>([
  [chatRequest, (body) => parseChat(body, someFixed())],
  [completionRequest, (body) => parseCompletion(body, someFixed())],
  [generateStreamRequest, (body) => parseGenerateStream(body, someFixed())],
]);

/** What fits may be asked, so it is no bad input. */
function fits({ schema }: Route, json: string): boolean {
  try {
    (parsers.get(schema) ?? ((body) => schema.parse(body)))(JSON.parse(json));
    return true;
  } catch {
    return false;
  }
}

const deep = (open: string, close: string) => open.repeat(200_000) + close.repeat(200_000);

/** Values as JSON texts; numbers among them that only a text can hold. */
const odd = [
  "null",
  "true",
  "0",
  "-1",
  "1.5",
  "1e999",
  "-1e999",
  "1e308",
  "9007199254740993",
  "-0",
  "1e-400",
  '""',
  '"a"',
];
const oddEmpty = ["[]", "{}", "[[]]", "[null]", "[{}]", '{"__proto__":{}}', '{"":""}', '"\\u0000"', '["a",""]', "[-1]"];
const value = fc.oneof(
  fc.constantFrom(...odd, ...oddEmpty),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
  fc.bigInt().map(String),
  fc.double().map((number) => JSON.stringify(number)),
);

/** What is no JSON at all. */
const noJson = fc.constantFrom(
  "NaN",
  "-Infinity",
  "undefined",
  "'a'",
  "01",
  "1.",
  "+1",
  '"\\x"',
  '"\n"',
  "[1,]",
  "{a:1}",
  "//",
);

const heavy = fc.constantFrom(deep("[", "]"), deep('{"a":', "}").replace(":}", ":1}"), `"${"a".repeat(10_000_000)}"`);

/** The good body with a field set to a JSON text; a second one of the same name if it has it already. */
function withField(good: object, field: string, json: string): string {
  return `${JSON.stringify(good).slice(0, -1)},${JSON.stringify(field)}:${json}}`;
}

/** Any field of any route with one of the values, where that does not fit. */
const fieldWith = (values: fc.Arbitrary<string>) =>
  anyRoute.chain((route) =>
    fc
      .tuple(fc.constantFrom(...Object.keys(route.schema.shape)), values)
      .map(([field, json]) => ({ field, body: withField(route.good, field, json) }))
      .filter(({ body }) => !fits(route, body))
      .map(({ field, body }) => ({ wrong: `${route.path}: ${field}`, bytes: post(route.path, body) })),
  );

const unknownField = fc
  .tuple(
    anyRoute,
    fc.oneof(fc.constantFrom("__proto__", "constructor", "temprature", "", "\u0000"), fc.string()),
    value,
  )
  .filter(([{ schema }, field]) => !Object.hasOwn(schema.shape, field))
  .map(([{ path, good }, field, json]) => ({
    wrong: `${path}: unknown field`,
    bytes: post(path, withField(good, field, json)),
  }));

const brokenJson = fc.tuple(anyRoute, noJson).chain(([{ path, schema, good }, json]) =>
  fc.constantFrom(...Object.keys(schema.shape)).map((field) => ({
    wrong: `${path}: no JSON`,
    bytes: post(path, withField(good, field, json)),
  })),
);

const cutOff = fc.tuple(anyRoute, fc.nat()).map(([{ path, good }, at]) => {
  const body = JSON.stringify(good);
  return { wrong: `${path}: half a body`, bytes: post(path, body.slice(0, at % body.length)) };
});

/** Bytes that are no UTF-8, and escapes that are half a character, inside a string. */
const wrongText = fc
  .tuple(
    anyRoute.filter(({ good }) => JSON.stringify(good).includes("hi")),
    fc.constantFrom("\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5", "\xe2\x82", "\\ud800", "\\udc00\\ud83d", "\\uD83D\\\\"),
  )
  .map(([{ path, good }, bytes]) => {
    const body = Buffer.from(JSON.stringify(good).replace("hi", `hi${bytes}`), "latin1");
    return { wrong: `${path}: no text`, bytes: post(path, body) };
  });

/** Too much for the field that a request is about, whether its form is right or not. */
const heavyMain = fc.tuple(anyRoute, heavy).map(([{ path, good }, json]) => {
  const [main] = Object.keys(good) as [string];
  return { wrong: `${path}: deep or large`, bytes: post(path, withField(good, main, json)) };
});

const inSchemas = [
  "type $ref $defs enum const anyOf oneOf allOf not properties required items additionalProperties propertyNames",
  "prefixItems minItems uniqueItems pattern format minLength minimum multipleOf a __proto__ toString",
].flatMap((names) => names.split(" "));
const objectText = (members: fc.Arbitrary<string>) =>
  fc
    .array(fc.tuple(fc.constantFrom(...inSchemas), members), { minLength: 1, maxLength: 2 })
    .map((pairs) => `{${pairs.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}`);

/** Like a JSON schema, with objects in it that no text or number can be made of, and deep ones. */
const { hostile } = fc.letrec<{ hostile: string }>((tie) => ({
  hostile: fc.oneof(
    { depthSize: "small" },
    { weight: 3, arbitrary: fc.constantFrom('{"toString":1,"valueOf":1}', '{"__proto__":{"toString":1}}') },
    fc.constantFrom("null", "-1", '"object"', '"array"', '"string"', '"number"', '"#"', '"#/$defs/a"', '"("'),
    { weight: 4, arbitrary: objectText(tie("hostile")) },
    { weight: 2, arbitrary: fc.array(tie("hostile"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`) },
    fc.constant(deep("[", "]")),
  ),
}));

const schemaPlaces: readonly ((schema: string) => string)[] = [
  (schema) => `"guided_json":${schema}`,
  (schema) => `"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":${schema}}}`,
  (schema) => `"tool_choice":"required","tools":[{"type":"function","function":{"name":"a","parameters":${schema}}}]`,
];
const chatRoute = routes[0]!;
const hostileSchema = fc
  .tuple(fc.constantFrom(...schemaPlaces), objectText(hostile))
  .map(([place, schema]) => `${JSON.stringify(chatRoute.good).slice(0, -1)},${place(schema)}}`)
  .filter((body) => !fits(chatRoute, body))
  .map((body) => ({ wrong: "a hostile schema", bytes: post(chatRoute.path, body) }));

const wrongHeader = fc
  .constantFrom(
    "content-type: text/plain",
    "content-type: application/x-www-form-urlencoded",
    "content-type: ;",
    "x-priority: now",
    "x-request-timeout: NaN",
    "x-request-timeout: -1",
    "no colon",
    "x y: z",
    "content-length: 1",
    "content-length: -1",
    "content-length: 1e3",
    "transfer-encoding: chunked",
    `x-long: ${"a".repeat(40_000)}`,
    "x-control: \u0001",
  )
  .map((line) => ({ wrong: `header ${line.slice(0, 40)}`, bytes: post("/v1/chat/completions", goodBody, line) }));

const chunked = fc
  .constantFrom(
    "ZZ\r\nabc\r\n0\r\n\r\n",
    "-1\r\n\r\n",
    "5\r\nabc",
    "3\r\n{}\r\n0\r\n\r\n",
    "ffffffffffffffffff\r\n",
    "2 \u0000\r\n{}",
    "0\r\n\r\n",
  )
  .map((body) => ({
    wrong: `chunks ${JSON.stringify(body)}`,
    bytes: request("POST /v1/completions", ["transfer-encoding: chunked"], body),
  }));

const segment = fc.stringMatching(/^[a-z0-9%._~-]{1,12}$/);
const wrongRoute = fc
  .tuple(fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "get", ""), segment, fc.boolean())
  .map(([method, name, known]) => {
    const path = known ? "/v1/chat/completions" : `/v1/${name}`;
    // With a good body the known route would answer a POST.
    return { wrong: `${method} ${path}`, bytes: request(`${method} ${path}`, ["content-length: 0"], "") };
  });

const noHttp = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(Buffer.from("\x16\x03\x01\x02", "latin1")),
  )
  // Line ends before a request are allowed: with nothing behind them nothing was asked.
  .map((bytes) => ({ wrong: "no HTTP", bytes: Buffer.concat([Buffer.from("!"), bytes, Buffer.from("\r\n\r\n")]) }));

/** Every one of them is to be answered with a 4xx. */
export const malformedRequest: fc.Arbitrary<MalformedRequest> = fc.oneof(
  { weight: 400, arbitrary: fieldWith(value) },
  { weight: 100, arbitrary: hostileSchema },
  { weight: 50, arbitrary: fieldWith(hostile) },
  { weight: 100, arbitrary: unknownField },
  { weight: 100, arbitrary: brokenJson },
  { weight: 50, arbitrary: cutOff },
  { weight: 50, arbitrary: wrongText },
  { weight: 5, arbitrary: heavyMain },
  { weight: 5, arbitrary: fieldWith(heavy) },
  { weight: 50, arbitrary: wrongHeader },
  { weight: 50, arbitrary: chunked },
  { weight: 50, arbitrary: wrongRoute },
  { weight: 20, arbitrary: noHttp },
);

/** A header that is given stands for the usual one of its name. */
function post(path: string, body: string | Buffer, header = ""): Buffer {
  const usual = [`content-length: ${Buffer.byteLength(body)}`, "content-type: application/json"];
  const name = header.split(":")[0]!;
  return request(`POST ${path}`, [header, ...usual.filter((line) => !line.startsWith(`${name}:`))], body);
}

function request(line: string, headers: readonly string[], body: string | Buffer): Buffer {
  const head = [`${line} HTTP/1.1`, "host: localhost", "connection: close", ...headers.filter((one) => one !== "")];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), Buffer.from(body)]);
}
