import { failure } from "../core/errors.ts";
import { fields } from "./fields.ts";
import type { ConfigKey } from "./schema.ts";

/** A name that people bring from another server. A value that is null, or that `means` undefined, asks for nothing. */
type ForeignName =
  | { readonly sets: ConfigKey; readonly means: (value: unknown) => unknown; readonly note?: string }
  /** It has no meaning here (yet): any value that asks for something is refused, never ignored in silence. */
  | { readonly refused: string; readonly nothing: readonly unknown[] };

const sets = (key: ConfigKey, means: (value: unknown) => unknown = (value) => value, note?: string): ForeignName => ({
  sets: key,
  means,
  ...(note !== undefined && { note }),
});

/** Variables of other servers. Their values are text; an empty one is unset. */
export const foreignVariables: Readonly<Record<string, ForeignName>> = {
  MODEL_PATH: sets("model"),
  MAX_MODEL_LENGTH: sets("context"),
  MAX_NUM_SEQS: sets("parallel"),
  OLLAMA_MAX_QUEUE: sets("maxQueue"),
  OLLAMA_KEEP_ALIVE: sets("keepAlive"),
  LLAMA_ARG_FIT: sets("fit"),
  LLAMA_ARG_POOLING: sets("pooling"),
  LLAMA_ARG_CACHE_RAM: sets("cacheMemory", (mebibytes) => `${String(mebibytes)}MiB`, "in MiB"),
  LOG_LEVEL: sets("logLevel", toLogLevel, "in any case; `WARNING` and `CRITICAL` are `warn` and `fatal`"),
  HF_ENDPOINT: sets("hfEndpoint"),
  HF_TOKEN: sets("hfToken"),
  RATE_LIMIT: { refused: "request rates are not limited yet", nothing: ["0", "none", "off", "false"] },
  GPU_MEMORY_UTILIZATION: { refused: "GPUs are not used yet", nothing: ["0", "0.0"] },
  TENSOR_PARALLEL_SIZE: { refused: "a model runs on one machine's CPU, not on several GPUs", nothing: ["1"] },
};

/** Keys of other servers' files, at the top of the configuration file. */
export const foreignKeys: Readonly<Record<string, ForeignName>> = {
  model_name: sets("model"),
  max_token: sets("maxTokens"),
  do_sample: sets(
    "temperature",
    (value) => (value === false ? 0 : value === true ? undefined : value),
    "`false` is temperature 0; `true` asks for nothing",
  ),
  huggingface_key: sets("hfToken", (value) => (value === "" ? undefined : value)),
  embedding_model: { refused: "an embedding model is an entry of 'models'", nothing: ["", false] },
  skip_special_tokens: { refused: "special tokens are never part of an answer", nothing: [true] },
  stream: { refused: 'each request says for itself, with "stream": true', nothing: [false] },
};

/** The setting that a foreign name stands for, or undefined when the value asks for nothing; else it is refused by name. */
export function readForeign(
  foreign: ForeignName,
  name: { readonly text: string; readonly place: string },
  value: unknown,
): { readonly key: ConfigKey; readonly value: unknown } | undefined {
  if (value === null) return undefined;
  if ("sets" in foreign) {
    const meant = foreign.means(value);
    return meant === undefined ? undefined : { key: foreign.sets, value: meant };
  }
  if (foreign.nothing.includes(value)) return undefined;
  const accepted = foreign.nothing.map((one) => (one === "" ? "nothing" : String(one))).join(", ");
  throw failure("invalid_config", {
    problem: `${name.text} (${name.place}) is not supported: ${foreign.refused}; leave it out (accepted: ${accepted})`,
  });
}

function toLogLevel(value: unknown): unknown {
  const level = String(value).toLowerCase();
  const others: Readonly<Record<string, string>> = { warning: "warn", critical: "fatal" };
  return Object.hasOwn(others, level) ? others[level] : level;
}

/** What a foreign name becomes, in a few words of Markdown. */
export function describeForeign(foreign: ForeignName): string {
  if ("sets" in foreign) {
    const note = foreign.note === undefined ? "" : ` (${foreign.note})`;
    return `\`${fields[foreign.sets].file}\`${note}`;
  }
  const accepted = foreign.nothing.map((one) => (one === "" ? "empty" : `\`${String(one)}\``)).join(", ");
  return `refused: ${foreign.refused}; accepted: ${accepted}`;
}
