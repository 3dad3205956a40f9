import { describe, expect, test } from "vitest";
import * as z from "zod";
import { problemOf } from "../src/api/constraints/check-constraint.ts";
import { parseJsonSchema } from "../src/api/constraints/json-schema.ts";
import { randomAnswer } from "./random-answers.ts";

// What clients in JavaScript send is mostly written by zod, and read by it again.

const types: Readonly<Record<string, z.ZodType>> = {
  email: z.email(),
  "short email": z.email().max(30),
  url: z.url(),
  uuid: z.uuid(),
  uuidv4: z.uuidv4(),
  nanoid: z.nanoid(),
  cuid2: z.cuid2(),
  ulid: z.ulid(),
  ipv4: z.ipv4(),
  ipv6: z.ipv6(),
  cidrv4: z.cidrv4(),
  base64: z.base64(),
  e164: z.e164(),
  hex: z.hex(),
  date: z.iso.date(),
  time: z.iso.time(),
  datetime: z.iso.datetime(),
  "datetime with an offset": z.iso.datetime({ offset: true }),
  duration: z.iso.duration(),
  "string of a length": z.string().min(2).max(5),
  "pattern of a length": z
    .string()
    .min(3)
    .max(20)
    .regex(/^[a-z]+(-[a-z]+)*$/),
  "starts with": z.string().startsWith("mill"),
  "ends with": z.string().endsWith("race"),
  includes: z.string().includes("ll"),
  lowercase: z.string().lowercase(),
  int: z.int(),
  int32: z.int32(),
  "number in a range": z.number().min(0.5).max(9.25),
  positive: z.number().positive(),
  "multiple in a range": z.number().multipleOf(5).min(0).max(100),
  enum: z.enum(["a", "b"]),
  literals: z.literal(["a", 1, null]),
  nullable: z.string().nullable(),
  strict: z.strictObject({ a: z.string(), b: z.number().optional() }),
  loose: z.looseObject({ a: z.string() }),
  "with a rest": z.object({ a: z.string() }).catchall(z.number()),
  record: z.record(z.string(), z.number()),
  "record of an enum": z.record(z.enum(["a", "b"]), z.number()),
  "partial record": z.partialRecord(z.enum(["a", "b"]), z.number()),
  tuple: z.tuple([z.string(), z.number()]),
  "tuple with a rest": z.tuple([z.string()], z.number()),
  "array of a length": z.array(z.boolean()).min(1).max(3),
  union: z.union([z.string(), z.number()]),
  "discriminated union": z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("cat"), lives: z.int().min(1).max(9) }),
    z.object({ kind: z.literal("dog"), good: z.boolean() }),
  ]),
  template: z.templateLiteral(["v", z.number()]),
  any: z.any(),
};

describe("answers that are kept to a schema of zod are valid for zod", () => {
  test.each(Object.keys(types))("%s", (name) => {
    const type = z.object({ value: types[name]! });
    const constraint = parseJsonSchema(z.toJSONSchema(type), "schema");
    expect(problemOf(constraint)).toBeUndefined();
    for (let seed = 0; seed < 6; seed++) {
      const answer = randomAnswer(constraint, seed, 5 * (seed % 3));
      if (answer === undefined) continue; // it would end later
      const { success, error } = type.safeParse(JSON.parse(answer));
      expect([answer, success, error?.message]).toEqual([answer, true, undefined]);
    }
  });
});
