import type { ConfigKey } from "./schema.ts";

/** A setting's names in each layer, and how text (an option, an environment variable) becomes a value. */
interface Field {
  /** As commander writes it: `--port <number>`. */
  readonly flag?: string;
  readonly environment: string;
  /** Key in the configuration file. */
  readonly file: string;
  readonly summary: string;
  /** Text that does not fit is passed on unchanged: the schema then refuses it. */
  readonly fromText: (text: string) => unknown;
  /** Never shown. */
  readonly secret?: true;
}

const text = (value: string) => value;
const number = (value: string) => (/^-?\d{1,15}$/.test(value) ? Number(value) : value);
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

export const fields: Readonly<Record<ConfigKey, Field>> = {
  model: {
    flag: "--model <model>",
    environment: "MILLRACE_MODEL",
    file: "model",
    summary: "model name, path of a GGUF file, or reference",
    fromText: text,
  },
  host: {
    flag: "--host <host>",
    environment: "MILLRACE_HOST",
    file: "host",
    summary: "address to listen on",
    fromText: text,
  },
  port: {
    flag: "--port <number>",
    environment: "MILLRACE_PORT",
    file: "port",
    summary: "TCP port; 0 = any free one",
    fromText: number,
  },
  parallel: {
    flag: "--parallel <slots>",
    environment: "MILLRACE_PARALLEL",
    file: "parallel",
    summary: "requests computed at once",
    fromText: number,
  },
  context: {
    flag: "--context <tokens>",
    environment: "MILLRACE_CONTEXT",
    file: "context",
    summary: "tokens of context of each request, prompt and answer together",
    fromText: number,
  },
  threads: {
    flag: "--threads <number>",
    environment: "MILLRACE_THREADS",
    file: "threads",
    summary: 'engine threads; "auto" = what this machine or container allows',
    fromText: number,
  },
  engine: {
    flag: "--engine <engine>",
    environment: "MILLRACE_ENGINE",
    file: "engine",
    summary: '"llama", or "fake" for a scripted engine without a model',
    fromText: text,
  },
  apiKeys: {
    flag: "--api-key <key>",
    environment: "MILLRACE_API_KEY",
    file: "api_keys",
    summary: "key that clients must send; may be repeated",
    fromText: list,
    secret: true,
  },
  insecure: {
    flag: "--insecure",
    environment: "MILLRACE_INSECURE",
    file: "insecure",
    summary: "allow other machines to connect without a key",
    fromText: boolean,
  },
  logLevel: {
    environment: "MILLRACE_LOG_LEVEL",
    file: "log_level",
    summary: "least level of the log",
    fromText: text,
  },
  home: {
    environment: "MILLRACE_HOME",
    file: "home",
    summary: "folder that keeps models",
    fromText: text,
  },
};

/** Names the configuration file itself; a layer cannot name the next. */
export const configFileVariable = "MILLRACE_CONFIG";

export const configKeys = Object.keys(fields) as ConfigKey[];
