import { randomBytes, randomInt } from "node:crypto";

/** A new unique id with a readable prefix: `req-5f0c…` (96 random bits). */
export function newId(prefix: string): string {
  return `${prefix}-${randomBytes(12).toString("hex")}`;
}

/** A seed for a request that brought none: unsigned 32 bits. */
export function newSeed(): number {
  return randomInt(2 ** 32);
}
