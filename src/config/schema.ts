import * as z from "zod";
import { policyNames } from "../core/scheduling.ts";
import { apiKeysSchema } from "./api-keys.ts";
import { bytesOf } from "./byte-size.ts";
import { interTokenTarget } from "./inter-token-target.ts";
import { keepAliveMs } from "./keep-alive.ts";

const wholeNumber = (from: number, to: number) =>
  z.int().min(from).max(to).describe(`a whole number from ${from} to ${to}`);

const number = (from: number, to: number) => z.number().min(from).max(to).describe(`a number from ${from} to ${to}`);

const line = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^[^\0\r\n]*$/);

/** Visible ASCII characters without blanks. */
const token = (longest: number) => line(longest).regex(/^[\x21-\x7e]*$/);

/** A setting that may be left out. */
const optional = <T extends z.ZodType>(schema: T) => schema.optional().describe(schema.description ?? "");

const stopText = z.string().min(1).max(1000);

const mostMemory = 2 ** 44;
const memory = z
  .union([z.string(), z.number()])
  .refine((value) => value === "auto" || (bytesOf(value) ?? Infinity) <= mostMemory)
  .describe('"auto", or a size up to 16TiB like "1GB", "512MiB" or 0');

/** Every setting of the program, checked. A description says what is accepted: it becomes part of the error. */
export const configSchema = z.strictObject({
  model: line(4096).describe("a model's name, the path of a GGUF file, or a reference like hf:owner/repo/file.gguf"),
  name: optional(token(200).describe("1 to 200 visible ASCII characters without blanks")),
  device: z.enum(["auto", "cpu"]).describe('"auto" or "cpu"; GPUs are not used yet'),
  maxTokens: optional(wholeNumber(1, 2 ** 31 - 1)),
  temperature: optional(number(0, 2)),
  topP: optional(number(0, 1)),
  topK: optional(wholeNumber(0, 2 ** 31 - 1)),
  minP: optional(number(0, 1)),
  repeatPenalty: optional(number(0.01, 10)),
  frequencyPenalty: optional(number(-2, 2)),
  presencePenalty: optional(number(-2, 2)),
  stop: optional(
    z
      .union([stopText, z.array(stopText).max(16).readonly()])
      .describe("a text of 1 to 1000 characters, or a list of up to 16 of them"),
  ),
  system: optional(z.string().min(1).max(50_000).describe("a text of 1 to 50000 characters")),
  pooling: optional(z.enum(["mean", "cls", "last"]).describe('"mean", "cls" or "last"')),
  load: z.enum(["eager", "on_demand"]).describe('"eager" or "on_demand"'),
  keepAlive: z
    .union([z.string(), z.number()])
    .refine((value) => value === "auto" || keepAliveMs(value) !== undefined)
    .describe('"auto", seconds, or a time like "5m" or "1h30m"'),
  replicas: wholeNumber(1, 64),
  host: line(253)
    .regex(/^[A-Za-z0-9._:%-]*$/)
    .describe("a host name or an IP address (IPv6 without brackets)"),
  port: wholeNumber(0, 65_535),
  parallel: wholeNumber(1, 256),
  context: wholeNumber(64, 1_048_576),
  fit: z.boolean().describe("true or false"),
  threads: z.union([z.literal("auto"), z.int().min(1).max(512)]).describe('"auto" or a whole number from 1 to 512'),
  engine: line(1000)
    .regex(/^(llama|fake|fake\?.*)$/)
    .describe('"llama", "fake", or "fake?" with options'),
  policy: z.enum(policyNames).describe(`${policyNames.slice(0, -1).join(", ")} or ${policyNames.at(-1)}`),
  targetItl: z
    .union([z.string(), z.number()])
    .refine((value) => interTokenTarget(value) !== undefined)
    .describe('"off", a multiple like "3x" (1x to 1000x), or milliseconds like "100ms" (up to 3600000)'),
  cacheMemory: memory,
  maxQueue: wholeNumber(0, 1_000_000),
  maxQueuedTokens: wholeNumber(1, 2 ** 40),
  turnTokens: wholeNumber(0, 1_048_576),
  ageing: number(0.01, 86_400),
  sharedPrefixes: z
    .array(z.string().min(1).max(50_000))
    .max(100)
    .readonly()
    .describe("a list of up to 100 texts of 1 to 50000 characters"),
  modelMemory: memory,
  slowClientTimeout: number(0, 86_400),
  ssePingInterval: number(0, 86_400),
  requestTimeout: number(0, 86_400),
  drainTimeout: number(0, 86_400),
  apiKeys: apiKeysSchema,
  insecure: z.boolean().describe("true or false"),
  corsOrigins: z
    .array(z.string().max(300).refine(isOrigin))
    .max(100)
    .readonly()
    .describe('origins as browsers send them, like "https://app.example.com" (no path), or "*" for all'),
  record: optional(line(4096).describe("the path of a folder; it is made if it is not there")),
  replay: optional(line(4096).describe("the path of a folder of recordings")),
  replayTiming: z.boolean().describe("true or false"),
  logLevel: z
    .enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"])
    .describe("silent, fatal, error, warn, info, debug or trace"),
  home: line(4096).describe("the path of a folder"),
  hfEndpoint: optional(
    line(1000)
      .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol))
      .describe("an http or https address"),
  ),
  hfToken: optional(token(500).describe("an access token of 1 to 500 visible ASCII characters")),
});

/** All settings, valid and deep-frozen. */
export type Config = Readonly<z.infer<typeof configSchema>>;
export type ConfigKey = keyof Config;

/** "*", or exactly what a browser sends as `Origin`: anything else would never match. */
function isOrigin(text: string): boolean {
  if (text === "*") return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/\\?#@*,]+$/.test(text)) return false;
  return !text.startsWith("http") || (URL.canParse(text) && new URL(text).origin === text);
}
