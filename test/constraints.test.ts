import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { problemOf } from "../src/api/constraints/check-constraint.ts";
import { parseGrammar } from "../src/api/constraints/gbnf.ts";
import { anyJsonObject, parseJsonSchema } from "../src/api/constraints/json-schema.ts";
import { regexConstraint } from "../src/api/constraints/texts.ts";
import { stringFormats } from "../src/api/constraints/string-formats.ts";
import { Automaton, type State } from "../src/inference/constraint/automaton.ts";
import { Grammar } from "../src/inference/constraint/grammar.ts";
import { compileConstraint } from "../src/inference/constraint/program.ts";
import { ConstrainedSampler } from "../src/inference/constraint/constrained-sampler.ts";
import { accepts, allowedTokens, randomAnswer, trie, vocabulary } from "./random-answers.ts";

/** Whole numbers with so many digits are refused, as they may not be what was written; objects with these keys ajv cannot compare. */
const isExact = (value: unknown): boolean =>
  !/(?<![.\d])\d{16,}(?![.\de])|"(valueOf|toString)"/.test(JSON.stringify(value));
const scalar = fc.oneof(
  fc.constantFrom({ type: "boolean" }, { type: "null" }, { type: "string" }, { type: "integer" }, { type: "number" }),
  fc.record({ type: fc.constant("string"), minLength: fc.nat(3), maxLength: fc.integer({ min: 3, max: 60 }) }),
  fc
    .constantFrom("^[a-z]{2,4}$", "b.", String.raw`^\d+"?$`, "^[^a]*$", String.raw`^[\\"]{2}$`)
    .map((pattern) => ({ type: "string", pattern })),
  fc.constantFrom(...Object.keys(stringFormats)).map((format) => ({ type: "string", format })),
  fc
    .record({
      type: fc.constantFrom("integer", "number"),
      low: fc.integer({ min: -2000, max: 2000 }),
      width: fc.nat(1500),
      open: fc.boolean(),
    })
    .map(({ type, low, width, open }) =>
      open
        ? { type, exclusiveMinimum: low, exclusiveMaximum: low + width + 2 }
        : { type, minimum: low, maximum: low + width },
    ),
  fc.integer({ min: -20, max: 20 }).map((minimum) => ({ type: "number", minimum })),
  fc
    .record({ low: fc.integer({ min: -3000, max: 3000 }), width: fc.nat(2000), open: fc.boolean() })
    .map(({ low, width, open }) => {
      const [least, most] = [low / 1000, (low + width + 2) / 1000];
      return open
        ? { type: "number", exclusiveMinimum: least, exclusiveMaximum: most }
        : { type: "number", minimum: least, maximum: most };
    }),
  fc
    .record({
      type: fc.constantFrom("integer", "number"),
      multipleOf: fc.constantFrom(5, 2, 1, 0.5, 0.3),
      minimum: fc.nat(9),
    })
    .map((one) => ({ ...one, maximum: one.minimum + 20 })),
  fc
    .record({
      pattern: fc.constantFrom("^[a-z]+$", "b", "^[^x]*$"),
      minLength: fc.nat(3),
      maxLength: fc.integer({ min: 3, max: 9 }),
    })
    .map((one) => ({ type: "string", ...one })),
  fc.integer({ min: -20, max: 20 }).map((exclusiveMaximum) => ({ type: "integer", exclusiveMaximum })),
  fc
    .uniqueArray(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 4, selector: (one) => JSON.stringify(one) })
    .filter(isExact)
    .map((list) => ({ enum: list })),
  fc
    .jsonValue({ maxDepth: 2 })
    .filter(isExact)
    .map((value) => ({ const: value })),
);
const names = fc.uniqueArray(
  fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom("name", 'a"b', "é", "\\", "constructor", "a", "b", "a.properties.b"),
  ),
  { maxLength: 4 },
);
const { schema: schemas } = fc.letrec<{ schema: object; object: object }>((tie) => ({
  object: fc
    .tuple(
      names,
      fc.array(tie("schema"), { minLength: 4, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      fc.constantFrom(undefined, false, true),
    )
    .map(([names, schemas, required, additionalProperties]) => ({
      type: "object",
      properties: Object.fromEntries(names.map((name, index) => [name, schemas[index]])),
      required: [
        ...names.filter((_name, index) => required[index]),
        ...(additionalProperties === true ? ["more"] : []),
      ],
      ...(additionalProperties !== undefined && { additionalProperties }),
    })),
  schema: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    tie("object"),
    fc
      .record({ items: tie("schema"), minItems: fc.nat(2), maxItems: fc.integer({ min: 2, max: 5 }) })
      .map((array) => ({ type: "array", ...array })),
    fc.tuple(tie("schema"), tie("schema")).map(([a, b]) => ({ type: "array", prefixItems: [a, b], minItems: 2 })),
    fc.tuple(tie("schema"), tie("schema")).map((anyOf) => ({ anyOf })),
    tie("schema").map((additionalProperties) => ({ type: "object", additionalProperties })),
    tie("schema").map((inner) => ({
      $defs: { it: inner },
      type: "object",
      properties: { it: inner },
      required: ["it"],
    })),
    fc.constant({ type: ["string", "null"], maxLength: 2 }),
    fc.tuple(tie("schema"), tie("schema")).map((list) => ({
      oneOf: list.map((it, index) => ({
        type: "object",
        properties: { kind: { const: `kind ${index}` }, it },
        required: ["kind", "it"],
      })),
    })),
  ),
}));
/** References are from the root. */
const roots = fc.oneof(
  schemas,
  fc.tuple(schemas, schemas).map(([first, second]) => ({
    $defs: { "a.b": first, a: { b: second } },
    type: "object",
    properties: { first: { $ref: "#/$defs/a.b" }, second: { $ref: "#/$defs/a/b" }, again: { $ref: "#/$defs/a.b" } },
    required: ["second", "again"],
  })),
);

const ajv = new Ajv2020({ strict: false, ownProperties: true });
const formats: Readonly<Record<string, z.ZodType>> = {
  date: z.iso.date(),
  "date-time": z.iso.datetime({ offset: true }),
  duration: z.iso.duration(),
  uuid: z.guid(),
  ipv4: z.ipv4(),
  ipv6: z.ipv6(),
  hostname: z.hostname(),
  email: z.email(),
  uri: z.url(),
};
for (const [name, type] of Object.entries(formats)) ajv.addFormat(name, (text) => type.safeParse(text).success);
ajv.addFormat("time", (text) => formats["date-time"]!.safeParse(`2024-12-31T${text}`).success);

describe("a JSON schema", () => {
  test("is kept to by every answer of any allowed tokens, in 1,000 of 1,000 cases", () => {
    let cases = 0;
    fc.assert(
      fc.property(roots, fc.nat(), fc.constantFrom(0, 20, 60), (schema, seed, patience) => {
        const constraint = parseJsonSchema(schema, "schema");
        expect(problemOf(constraint)).toBeUndefined();
        const answer = randomAnswer(constraint, seed, patience);
        const isValid = ajv.validate(schema, JSON.parse(answer!));
        expect([answer, isValid, ajv.errorsText()]).toEqual([answer, true, "No errors"]);
        cases++;
      }),
      { numRuns: 1000 },
    );
    expect(cases).toBeGreaterThanOrEqual(1000);
  }, 120_000);

  test("that refers to itself is kept to", () => {
    const tree = {
      $ref: "#/$defs/node",
      $defs: {
        node: {
          type: "object",
          properties: {
            value: { type: "integer" },
            children: { type: "array", items: { $ref: "#/$defs/node" }, maxItems: 2 },
          },
          required: ["value", "children"],
          additionalProperties: false,
        },
      },
    };
    const constraint = parseJsonSchema(tree, "schema");
    expect(accepts(constraint, '{"value": 1, "children": [{"value": -2, "children": []}]}')).toBe(true);
    expect(accepts(constraint, '{"value": 1, "children": [{"value": 2}]}')).toBe(false);
    for (let seed = 0; seed < 50; seed++)
      expect(ajv.validate(tree, JSON.parse(randomAnswer(constraint, seed, 50)!))).toBe(true);
  });

  test.each([
    [{ type: "number", minimum: 0, maximum: 1 }, ["0", "1", "0.5", "1.0", "0.000001"], ["1.1", "-0.1", "2", "01"]],
    [{ type: "number", exclusiveMinimum: 0 }, ["0.1", "1", "0.000100", "17.5"], ["0", "0.0", "-1"]],
    [{ type: "number", maximum: -3 }, ["-3", "-3.5", "-100"], ["-2.9", "0", "3"]],
    [
      { type: "integer", minimum: 8, maximum: 121 },
      ["8", "9", "10", "99", "100", "121"],
      ["7", "122", "1", "200", "08"],
    ],
    [{ type: "integer", minimum: -12, maximum: -7 }, ["-12", "-10", "-7"], ["-6", "-13", "7", "-1"]],
    [
      { type: "integer", minimum: -9007199254740991, maximum: 9007199254740991 },
      ["0", "-999999999999999"],
      ["1e5", "-0.5"],
    ],
    [{ type: "number", minimum: -1e300 }, ["0", "-0.5", "-999999999999999"], ["1e5", "-1e301"]],
    [
      { type: "object", propertyNames: { type: "string" }, additionalProperties: { type: "null" } },
      ["{}", '{"a": null}'],
      ['{"a": 1}'],
    ],
    [{ oneOf: [{ type: "string" }, { type: "null" }] }, ['"x"', "null"], ["1"]],
    [{ oneOf: [{ const: "a", title: "A" }, { enum: ["b", 1] }] }, ['"a"', '"b"', "1"], ['"c"', "2"]],
    [
      { type: "number", minimum: 0.25, exclusiveMaximum: 1.5 },
      ["0.25", "0.3", "1", "1.49"],
      ["0.24", "0.2", "1.5", "1.50"],
    ],
    [{ type: "number", exclusiveMinimum: -0.5, maximum: -0.125 }, ["-0.49", "-0.125"], ["-0.5", "-0.50", "-0.12", "0"]],
    [{ type: "number", multipleOf: 0.01 }, ["1", "9.99", "-0.5"], ["0.001", "1e2", "5."]],
    [{ type: "number", multipleOf: 1 }, ["1", "-20"], ["5.", "5.0", "0.5"]],
    [{ type: "number", multipleOf: 1, minimum: 3 }, ["3", "20"], ["5.", "2"]],
    [{ type: "integer", multipleOf: 2, minimum: 2.0000001, maximum: 10 }, ["4", "10"], ["2", "3"]],
    [{ type: "string", pattern: "^[a-z]+$", minLength: 1400 }, [`"${"a".repeat(1400)}"`], ['"a"']],
    [{ type: "integer", multipleOf: 5, minimum: 3, exclusiveMaximum: 20 }, ["5", "15"], ["0", "3", "20", "6"]],
    [{ type: "string", pattern: "^[a-z]+$", minLength: 2, maxLength: 3 }, ['"ab"', '"abc"'], ['"a"', '"abcd"', '"a1"']],
    [
      { propertyNames: { enum: ["a", "b"] }, additionalProperties: { type: "null" } },
      ["{}", '{"a": null, "b": null}'],
      ['{"c": null}'],
    ],
    [
      {
        type: "object",
        properties: { a: { type: "null" } },
        additionalProperties: { type: "integer" },
        required: ["b"],
      },
      ['{"b": 1}', '{"a": null, "b": 1}'],
      ["{}", '{"b": null}'],
    ],
    [{ allOf: [{ type: "boolean" }], description: "yes or no" }, ["true"], ["1"]],
    [{ type: ["integer", "string"], enum: [1, "a", null] }, ["1", '"a"'], ["null"]],
    [{ type: "object" }, ["{}", '{"a": [1, {"b": null}]}'], ["[]", '{"a":1}', '{"a": 1,}']],
    [{ type: "string", format: "date" }, ['"2024-12-31"'], ['"2024-02-30"', '"2024-13-01"']],
    [{ type: "array", items: { type: "integer" }, minItems: 1 }, ["[1]", "[1, 2]"], ["[]", "[1,2]", "[1, ]"]],
  ])("%j", (schema, good, bad) => {
    const constraint = parseJsonSchema(schema, "schema");
    for (const text of good) expect([text, accepts(constraint, text)]).toEqual([text, true]);
    for (const text of bad) expect([text, accepts(constraint, text)]).toEqual([text, false]);
  });
});

test("any JSON object is one, whatever tokens are drawn", () => {
  for (let seed = 0; seed < 200; seed++) {
    const value = JSON.parse(randomAnswer(anyJsonObject(), seed, 60)!) as unknown;
    expect(typeof value === "object" && value !== null && !Array.isArray(value)).toBe(true);
  }
});

test("a mask has the tokens that the text can go on with, also where it was made for another count", () => {
  const constraints = fc.oneof(
    fc
      .constantFrom("[a-z ]{3,40}.", "(a{2,9}b?){3,7}", "(The | [a-z]+,){2,12}!")
      .map((source) => regexConstraint(source, "regex")),
    schemas.map((schema) => parseJsonSchema(schema, "schema")),
  );
  fc.assert(
    fc.property(constraints, fc.array(fc.nat(), { minLength: 1, maxLength: 40 }), (constraint, picks) => {
      const grammar = new Grammar(constraint, vocabulary, trie);
      const automaton = new Automaton(compileConstraint(constraint));
      let [state, same]: [State, State] = [grammar.start, automaton.start];
      const work = { left: Infinity };
      for (const pick of picks) {
        const { bits, allowed } = grammar.maskAt(state, work);
        const expected = allowedTokens(automaton, same);
        const masked = Array.from({ length: vocabulary.size }, (_, token) => token).filter(
          (token) => (bits[token >> 5]! >> (token & 31)) & 1,
        );
        expect(masked).toEqual(expected);
        expect(allowed).toBe(expected.length);
        const token = expected[pick % expected.length]!;
        if (vocabulary.endsGeneration(token)) return;
        state = grammar.after(state, vocabulary.piece(token), work)!;
        for (const byte of vocabulary.piece(token)) same = automaton.after(same, byte)!;
      }
    }),
    { numRuns: 150 },
  );
}, 60_000);

const noHistory = { tokens: new Int32Array(), length: 0, promptLength: 0 };
const [x] = vocabulary.tokenize("x", { parseSpecial: false, addSpecial: false }) as unknown as [number];

describe("a grammar", () => {
  test("of llama.cpp's kind", () => {
    const constraint = parseGrammar(
      String.raw`# sums
root  ::= sum ("\n" sum)*   # one a line
sum   ::= term (" + " term){0,2} |
  "nothing"
term  ::= [0-9]+ | "(" sum ")"
`,
      "grammar",
    );
    expect(problemOf(constraint)).toBeUndefined();
    for (const text of ["1", "1 + 22 + (3 + 4)\nnothing"]) expect(accepts(constraint, text)).toBe(true);
    for (const text of ["", "1 +", "1 + 2 + 3 + 4", "(1", "nothing\n"]) expect(accepts(constraint, text)).toBe(false);
  });

  test.each([
    ['root ::= root "a" | "b"', "begins with itself"],
    ['root ::= x? root "a" | "b"\nx ::= "x"', "begins with itself"],
    ['root ::= "a" root', "no answer would end"],
    ['root ::= ("a"?){5}', "may be empty is counted"],
    [`root ::= ${'"a" '.repeat(20_001)}`.replaceAll('" "', '" [ab] "'), "too large"],
    [
      Array.from({ length: 6000 }, (_, at) => `r${at} ::= r${at + 1}`).join("\n") + '\nr6000 ::= "a"\nroot ::= r0',
      undefined,
    ],
    [
      Array.from({ length: 6000 }, (_, at) => `r${at + 1} ::= r${at}`).join("\n") + '\nr0 ::= "a"\nroot ::= r6000',
      undefined,
    ],
  ])("%.60s: %s", (source, problem) => {
    const found = problemOf(parseGrammar(source, "grammar"));
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });

  test.each([
    ['start ::= "a"', "no rule 'root'"],
    ["root ::= a", "no rule 'a'"],
    ['root ::= "a', "ends too early"],
    ['root ::= "a"{2000000}', "larger than"],
    [`root ::= "a"${"*".repeat(3000)}`, "repetitions of each other"],
    [String.raw`root ::= "\d"`, "a class of characters"],
    [String.raw`root ::= [^\x00-\U0010FFFF]`, "no characters"],
    ['root ::= "a"\nroot ::= "b"', "two rules 'root'"],
    ['root ::= ("a"', "is not closed"],
    ['root = "a"', "begins with its name"],
    ['root ::= "a" )', "begins with its name"],
    [`root ::= ${"(".repeat(60)}"a"${")".repeat(60)}`, "in each other"],
  ])("%s: %s", (source, problem) => {
    expect(() => parseGrammar(source, "grammar")).toThrow(problem);
  });

  test("with one text that can be read in ever more ways ends in an error, not in a standstill", () => {
    const constraint = parseGrammar('root ::= a*\na ::= "x"{1,3000} | "x"{2,3000}', "grammar");
    expect(problemOf(constraint)).toBeUndefined();
    const sampler = new ConstrainedSampler(() => x, new Grammar(constraint, vocabulary, trie), vocabulary);
    const logits = new Float32Array(vocabulary.size);
    for (let length = 0; length < 3000 && sampler.error === undefined; length++) sampler.sample(logits, noHistory);
    expect(sampler.error?.message).toContain("too many ways");
  });

  test("with many ways to read a text takes no more memory for it than others", () => {
    const constraint = parseGrammar(`root ::= ${Array(500).fill("[ -z]{899,900}").join("|")}`, "grammar");
    const automaton = new Automaton(compileConstraint(constraint));
    let state: State = automaton.start;
    for (let length = 0; length < 890; length++) {
      state = automaton.after(state, 0x61 + (length % 3))!;
      expect(automaton.bytes).toBeLessThan(34 * 2 ** 20);
    }
  });

  test("choices that begin alike are read as one, as far as they do", () => {
    const words = Array.from({ length: 3000 }, (_, at) => `${"https://example.org/".repeat(12)}${at}`);
    const constraint = parseGrammar(
      `root ::= ${[...words, "http", ""].map((word) => JSON.stringify(word)).join("|")}`,
      "grammar",
    );
    const grammar = new Grammar(constraint, vocabulary, trie);
    const state = grammar.after(grammar.start, Buffer.from("https"), { left: 100 });
    expect(state!.threads).toHaveLength(1);
    expect(grammar.forcedAfter(state!).length).toBeGreaterThan(30);
    for (const word of [words[0]!, words[2999]!, "http", ""]) expect(accepts(constraint, word)).toBe(true);
    for (const word of [`${words[2999]!}1`, "https", "h"]) expect(accepts(constraint, word)).toBe(false);
  });
});
