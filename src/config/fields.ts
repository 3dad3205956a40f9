import type { ConfigKey } from "./schema.ts";

/** What is said about a setting; its names follow from its key, unless they are given. */
interface Described {
  /** As commander writes it: `--port <number>`. */
  readonly flag?: string;
  readonly environment?: string;
  readonly summary: string;
  /** Text (of an option or a variable) that does not fit is passed on unchanged: the schema then refuses it. */
  readonly fromText: (text: string) => unknown;
  /** Never shown. */
  readonly secret?: true;
  /** Belongs to the model: it may also stand in an entry of `models`. */
  readonly perModel?: true;
  /** A server that reads its configuration again takes it over; for a change of the others it must be started again. */
  readonly live?: true;
}

/** A setting's names in each layer. */
interface Field extends Described {
  readonly environment: string;
  /** Key in the configuration file. */
  readonly file: string;
}

const text = (value: string) => value;
const number = (value: string) => (/^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : value);
const list = (value: string) =>
  value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

function boolean(value: string): boolean | string {
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  if (/^(false|0|no|off)$/i.test(value)) return false;
  return value;
}

const described: Readonly<Record<ConfigKey, Described>> = {
  model: {
    flag: "--model <model>",
    summary: "model name, path of a GGUF file, or reference",
    fromText: text,
    perModel: true,
  },
  name: {
    flag: "--name <id>",
    summary: "id under which clients find the model; without it, the model's own",
    fromText: text,
    perModel: true,
  },
  device: { summary: "what the model runs on", fromText: text, perModel: true },
  maxTokens: {
    summary: "most tokens of an answer whose request does not say",
    fromText: number,
    perModel: true,
    live: true,
  },
  temperature: { summary: "temperature of a request that does not say", fromText: number, perModel: true, live: true },
  topP: { summary: "top_p of a request that does not say; 1 = off", fromText: number, perModel: true, live: true },
  topK: { summary: "top_k of a request that does not say; 0 = off", fromText: number, perModel: true, live: true },
  minP: { summary: "min_p of a request that does not say; 0 = off", fromText: number, perModel: true, live: true },
  repeatPenalty: {
    summary: "repeat_penalty of a request that does not say; 1 = off",
    fromText: number,
    perModel: true,
    live: true,
  },
  frequencyPenalty: {
    summary: "frequency_penalty of a request that does not say; 0 = off",
    fromText: number,
    perModel: true,
    live: true,
  },
  presencePenalty: {
    summary: "presence_penalty of a request that does not say; 0 = off",
    fromText: number,
    perModel: true,
    live: true,
  },
  stop: {
    summary: "texts at which an answer ends whose request does not say; a variable holds one",
    fromText: text,
    perModel: true,
    live: true,
  },
  system: { summary: "system message of a chat that brings none", fromText: text, perModel: true, live: true },
  pooling: {
    flag: "--pooling <kind>",
    summary:
      "how to make one vector of a text's tokens: makes a model that generates text an embedding model; without it, as the model's file says",
    fromText: text,
    perModel: true,
  },
  load: {
    flag: "--load <when>",
    summary: "when it is loaded: at the start, or when a request names it",
    fromText: text,
    perModel: true,
    live: true,
  },
  keepAlive: {
    flag: "--keep-alive <time>",
    summary:
      "how long it stays in memory without a request; 0 = only while requests need it, -1 = until it is unloaded by hand; auto = -1 if it is loaded at the start, else 5m",
    fromText: text,
    perModel: true,
    live: true,
  },
  replicas: {
    flag: "--replicas <number>",
    summary: "engine processes that share its requests",
    fromText: number,
    perModel: true,
  },
  host: { flag: "--host <host>", summary: "address to listen on", fromText: text },
  port: { flag: "--port <number>", summary: "TCP port; 0 = any free one", fromText: number },
  parallel: { flag: "--parallel <slots>", summary: "requests computed at once", fromText: number, perModel: true },
  context: {
    flag: "--context <tokens>",
    summary: "tokens of context of each request, prompt and answer together",
    fromText: number,
    perModel: true,
  },
  fit: {
    flag: "--fit",
    summary: "what does not fit into memory is made smaller instead of refused: prefix cache, then slots, then context",
    fromText: boolean,
    perModel: true,
  },
  threads: {
    flag: "--threads <number>",
    summary: 'engine threads; "auto" = what this machine or container allows',
    fromText: number,
    perModel: true,
  },
  engine: {
    flag: "--engine <engine>",
    summary: '"llama", or "fake" for a scripted engine without a model',
    fromText: text,
    perModel: true,
  },
  policy: {
    flag: "--policy <name>",
    summary: "who is served first where several wait",
    fromText: text,
    perModel: true,
    live: true,
  },
  targetItl: {
    flag: "--target-itl <target>",
    summary:
      "how far apart prompts may push the tokens of running streams: a multiple of what it is without them, or a time; off = most tokens per second",
    fromText: text,
    perModel: true,
    live: true,
  },
  cacheMemory: {
    flag: "--cache-memory <size>",
    summary:
      "memory for beginnings of prompts that no slot holds; auto = a sixteenth of what this machine or container has, at most 1 GiB",
    fromText: text,
    perModel: true,
  },
  maxQueue: {
    flag: "--max-queue <requests>",
    summary: "requests that may wait for a slot; what comes beyond gets 429",
    fromText: number,
    perModel: true,
    live: true,
  },
  maxQueuedTokens: {
    summary: "tokens of prompts that may wait for a slot; what comes beyond gets 429",
    fromText: number,
    perModel: true,
    live: true,
  },
  turnTokens: {
    flag: "--turn-tokens <tokens>",
    summary: "tokens of an answer after which it gives its slot to one that waits; 0 = it keeps it to its end",
    fromText: number,
    perModel: true,
    live: true,
  },
  ageing: {
    summary: "seconds after which a lane that was not served moves up by one",
    fromText: number,
    perModel: true,
  },
  sharedPrefixes: {
    summary:
      "system messages, or beginnings of plain prompts, that tenants may take from each other's cache; a variable holds one",
    fromText: (value) => [value],
    perModel: true,
  },
  modelMemory: {
    flag: "--model-memory <size>",
    summary: "memory for all models together; auto = what this machine or container has left",
    fromText: text,
  },
  slowClientTimeout: {
    flag: "--slow-client-timeout <seconds>",
    summary: "seconds after which a client is cut off that reads nothing of its answer; 0 = never",
    fromText: number,
    live: true,
  },
  ssePingInterval: {
    flag: "--sse-ping-interval <seconds>",
    summary:
      "seconds without an event after which a stream gets a comment, which keeps its connection alive; 0 = never",
    fromText: number,
    live: true,
  },
  requestTimeout: {
    flag: "--request-timeout <seconds>",
    summary: "seconds that a request may take, waiting included, if it does not say; 0 = any time",
    fromText: number,
    live: true,
  },
  drainTimeout: {
    flag: "--drain-timeout <seconds>",
    summary: "seconds that requests may go on when the server is told to stop; the rest are ended with an error",
    fromText: number,
    live: true,
  },
  apiKeys: {
    flag: "--api-key <key>",
    environment: "MILLRACE_API_KEY",
    summary: "key that clients must send; may be repeated",
    fromText: list,
    secret: true,
    live: true,
  },
  insecure: {
    flag: "--insecure",
    summary: "allow other machines to connect without a key",
    fromText: boolean,
    live: true,
  },
  corsOrigins: {
    flag: "--cors-origin <origin>",
    environment: "MILLRACE_CORS_ORIGIN",
    summary: "origin whose web pages may use the server; may be repeated",
    fromText: list,
    live: true,
  },
  record: {
    flag: "--record <folder>",
    summary: "writes what the models answer into this folder, prompts included and in clear",
    fromText: text,
  },
  replay: {
    flag: "--replay <folder>",
    summary: "answers with what was recorded in this folder, without any model",
    fromText: text,
  },
  replayTiming: {
    flag: "--replay-timing",
    summary: "what is replayed comes as fast as it came while it was recorded, not at once",
    fromText: boolean,
  },
  logLevel: { flag: "--log-level <level>", summary: "least level of the log", fromText: text, live: true },
  home: { summary: "folder that keeps models", fromText: text },
  hfEndpoint: { summary: "mirror of the Hugging Face hub", fromText: text },
  hfToken: { summary: "access token for gated models of the Hugging Face hub", fromText: text, secret: true },
};

/** Names the configuration file itself; a layer cannot name the next. */
export const configFileVariable = "MILLRACE_CONFIG";

export const configKeys = Object.keys(described) as ConfigKey[];

export const fields = Object.fromEntries(
  configKeys.map((key) => {
    const file = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return [key, { environment: `MILLRACE_${file.toUpperCase()}`, file, ...described[key] }];
  }),
) as Readonly<Record<ConfigKey, Field>>;
