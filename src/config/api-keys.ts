import { createHash } from "node:crypto";
import * as z from "zod";
import { lanes, type Lane } from "../core/generation.ts";

/** A key, and whose requests come with it. */
export interface ApiKey {
  readonly key: string;
  /** Of the tenant. */
  readonly name: string;
  /** The most urgent lane that its requests may ask for, and the one of those that ask for none. */
  readonly lane: Lane;
  /** The tenant's part of the machine beside other tenants. */
  readonly weight: number;
  /** It may also load and unload models, and whatever else is below /admin. */
  readonly admin: boolean;
}

const visible = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^[\x21-\x7e]*$/);

const withTenant = z.strictObject({
  key: visible(500),
  name: visible(100).optional(),
  lane: z.enum(lanes).optional(),
  weight: z.number().min(0.01).max(1000).optional(),
  admin: z.boolean().optional(),
});

/** Keys as texts, or in a file as objects that also say whose they are. What is left out has its default. */
export const apiKeysSchema = z
  .array(z.union([visible(500), withTenant]))
  .max(1000)
  .transform((keys) => keys.map((one) => (typeof one === "string" ? apiKey({ key: one }) : apiKey(one))))
  .refine((keys) => isDistinct(keys.map(({ key }) => key)) && isDistinct(keys.map(({ name }) => name)))
  .readonly()
  .describe(
    "keys of 1 to 500 visible ASCII characters without blanks; in a file also {key, name, lane, weight, admin} with a name of " +
      'up to 100 such characters, "interactive", "batch" or "background", a number from 0.01 to 1000, and true for a key that may use /admin; no key and no name twice',
  );

/** A key without a name is known by its digest, so that it can be told from others and never be shown. */
export function apiKey({
  key,
  name,
  lane = "interactive",
  weight = 1,
  admin = false,
}: z.infer<typeof withTenant>): ApiKey {
  const digest = createHash("sha256").update(key).digest("hex");
  return { key, name: name ?? `key-${digest.slice(0, 8)}`, lane, weight, admin };
}

const isDistinct = (texts: readonly string[]) => new Set(texts).size === texts.length;
