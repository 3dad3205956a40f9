import { z } from "zod";

const wholeNumber = (from: number, to: number) =>
  z.int().min(from).max(to).describe(`a whole number from ${from} to ${to}`);

const line = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^[^\0\r\n]*$/);

/** Every setting of the program, checked. A description says what is accepted: it becomes part of the error. */
export const configSchema = z.strictObject({
  model: line(4096).describe("a model's name, the path of a GGUF file, or a reference like hf:owner/repo/file.gguf"),
  host: line(253)
    .regex(/^[A-Za-z0-9._:%-]*$/)
    .describe("a host name or an IP address (IPv6 without brackets)"),
  port: wholeNumber(0, 65_535),
  parallel: wholeNumber(1, 256),
  context: wholeNumber(64, 1_048_576),
  threads: z.union([z.literal("auto"), z.int().min(1).max(512)]).describe('"auto" or a whole number from 1 to 512'),
  engine: line(1000)
    .regex(/^(llama|fake|fake\?.*)$/)
    .describe('"llama", "fake", or "fake?" with options'),
  apiKeys: z
    .array(line(500).regex(/^[\x21-\x7e]*$/))
    .max(1000)
    .readonly()
    .describe("keys of 1 to 500 visible ASCII characters without blanks"),
  insecure: z.boolean().describe("true or false"),
  logLevel: z
    .enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"])
    .describe("silent, fatal, error, warn, info, debug or trace"),
  home: line(4096).describe("the path of a folder"),
});

/** All settings, valid and deep-frozen. */
export type Config = Readonly<z.infer<typeof configSchema>>;
export type ConfigKey = keyof Config;
