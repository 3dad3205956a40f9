import type * as z from "zod";
import { chatRequest } from "../openai/chat-request.ts";
import { completionRequest } from "../openai/completion-request.ts";
import { embeddingRequest } from "../openai/embedding-request.ts";
import { generateStreamRequest } from "../plain/generate-stream.ts";
import { applyTemplateRequest, detokenizeRequest, tokenizeRequest } from "../plain/text-requests.ts";
import {
  chatAnswer,
  completionAnswer,
  contentAnswer,
  embeddingAnswer,
  errorAnswer,
  modelAnswer,
  modelsAnswer,
  promptAnswer,
  tokensAnswer,
} from "./answers.ts";
import { jsonSchemaOf } from "./json-schema.ts";

interface Operation {
  readonly path: string;
  readonly summary: string;
  /** Of a POST; without one it is a GET. */
  readonly request?: z.ZodType;
  /** Undefined = it is always a stream. */
  readonly answer?: z.ZodType;
  /** It can answer as server-sent events. */
  readonly streams?: boolean;
}

const chat = { request: chatRequest, answer: chatAnswer, streams: true };

const operations: readonly Operation[] = [
  { path: "/v1/chat/completions", summary: "The next message of a conversation", ...chat },
  { path: "/chat/completions", summary: "The same, for clients that know no version", ...chat },
  {
    path: "/v1/completions",
    summary: "The continuation of a text",
    request: completionRequest,
    answer: completionAnswer,
    streams: true,
  },
  {
    path: "/generate_stream",
    summary: "The continuation of a text as events of one token",
    request: generateStreamRequest,
    streams: true,
  },
  { path: "/v1/embeddings", summary: "Vectors of texts", request: embeddingRequest, answer: embeddingAnswer },
  { path: "/tokenize", summary: "The tokens of a text", request: tokenizeRequest, answer: tokensAnswer },
  { path: "/detokenize", summary: "The text of tokens", request: detokenizeRequest, answer: contentAnswer },
  {
    path: "/apply-template",
    summary: "A conversation as the model reads it",
    request: applyTemplateRequest,
    answer: promptAnswer,
  },
  { path: "/v1/models", summary: "The models that are served", answer: modelsAnswer },
  { path: "/v1/models/{model}", summary: "One of them", answer: modelAnswer },
];

/** The API as an OpenAPI 3.1 document, made from the schemas that requests are checked with. */
export function openApiDocument(): object {
  return {
    openapi: "3.1.0",
    info: { title: "Millrace", version: "1", description: "Open language models behind the OpenAI API." },
    servers: [{ url: "/" }],
    paths: Object.fromEntries(operations.map((one) => [one.path, pathItem(one)])),
    components: {
      schemas: { Error: jsonSchemaOf(errorAnswer) },
      securitySchemes: { key: { type: "http", scheme: "bearer", description: "if the server was given keys" } },
    },
    security: [{}, { key: [] }],
  };
}

function pathItem({ path, summary, request, answer, streams = false }: Operation): object {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    return { name, in: "path", required: true, schema: { type: "string" } };
  });
  const operation = {
    summary,
    operationId: path.replace(/\W+/g, "_").replace(/^_|_$/g, ""),
    ...(parameters.length > 0 && { parameters }),
    ...(request && { requestBody: { required: true, content: json(jsonSchemaOf(request)) } }),
    responses: {
      200: {
        description: "the answer",
        content: {
          ...(answer && json(jsonSchemaOf(answer))),
          ...(streams && { "text/event-stream": { schema: eventSchema } }),
        },
      },
      "4XX": { description: "the request is at fault", content: errorContent },
      "5XX": { description: "the server is at fault, or cannot answer now", content: errorContent },
    },
  };
  return { [request === undefined ? "get" : "post"]: operation };
}

/** Of each event of a stream; its data is JSON, or `[DONE]`. */
const eventSchema = { type: "object", properties: { data: { type: "string" } }, required: ["data"] };

const json = (schema: object) => ({ "application/json": { schema } });
const errorContent = json({ $ref: "#/components/schemas/Error" });
