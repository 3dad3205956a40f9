import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { problemOf } from "../src/api/constraints/check-constraint.ts";
import { characters, Rules } from "../src/api/constraints/expressions.ts";
import { lengthsOf, type Pattern } from "../src/api/constraints/pattern.ts";
import { parseRegex } from "../src/api/constraints/regex.ts";
import { anyCharacter, regexConstraint, textsOf } from "../src/api/constraints/texts.ts";
import type { Constraint } from "../src/core/constraint.ts";
import { accepts, randomAnswer } from "./random-answers.ts";

const regex = (source: string): Constraint => regexConstraint(source, "regex");
/** Texts in which each of the expressions is found. */
const partialRegex = (source: string, ...others: readonly Pattern[]): Constraint => {
  const rules = new Rules();
  const pattern = parseRegex(source, { field: "regex", partial: true });
  return rules.complete(textsOf([pattern, ...others], { rules, write: characters, field: "regex" }));
};

/** Undefined where no text fits, which is refused. What takes too much is refused as well, and says nothing. */
function orNone(make: () => Constraint): Constraint | undefined {
  try {
    return make();
  } catch (error) {
    fc.pre(!String(error).includes("takes too much"));
    if (String(error).includes("no text that fits")) return undefined;
    throw error;
  }
}

const atoms = fc.constantFrom(
  "a",
  "b",
  "é",
  ".",
  "[ab]",
  "[^a]",
  String.raw`\d`,
  String.raw`\w`,
  String.raw`\s`,
  "[a-cx-z]",
  "🐻",
);
const { source } = fc.letrec<{ source: string; part: string }>((tie) => ({
  source: fc.array(tie("part"), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
  part: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    atoms,
    fc.tuple(atoms, fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{2,}")).map(([atom, times]) => atom + times),
    fc.tuple(tie("source"), fc.constantFrom("*", "?", "")).map(([inner, times]) => `(${inner})${times}`),
    fc.tuple(tie("source"), tie("source")).map(([left, right]) => `(?:${left}|${right})`),
  ),
}));
const texts = fc.string({
  unit: fc.constantFrom("a", "b", "c", "x", "é", "🐻", "1", " ", "\n", "_", '"'),
  maxLength: 8,
});

describe("a regular expression", () => {
  test("lets through what JavaScript's does, whole or in part", () => {
    fc.assert(
      fc.property(source, texts, (source, text) => {
        expect(accepts(regex(source), text)).toBe(new RegExp(`^(?:${source})$`, "u").test(text));
        expect(accepts(partialRegex(source), text)).toBe(new RegExp(source, "u").test(text));
      }),
      { numRuns: 2000 },
    );
  });

  /** V8 looks at places within a surrogate pair, too, where an expression looks ahead and may match nothing. */
  const withoutPairs = texts.map((text) => text.replaceAll("🐻", "x"));
  const few = fc
    .array(fc.tuple(atoms, fc.constantFrom("", "*", "?")), { maxLength: 2 })
    .map((parts) => parts.flat().join(""));
  const ahead = fc.tuple(fc.constantFrom("=", "!"), few, fc.constantFrom("", "$"));
  const looking = fc
    .tuple(few, ahead, few, fc.constantFrom("", "?"), few)
    .map(
      ([before, [sign, of, end], behind, times, last]) => `(?:${before}(?${sign}${of}${end})${behind})${times}${last}`,
    );

  test("that looks ahead lets through what JavaScript's does", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          looking,
          fc.tuple(looking, looking).map((both) => both.join("|")),
        ),
        withoutPairs,
        (source, text) => {
          for (const [constraintOf, expression] of [
            [regex, `^(?:${source})$`],
            [partialRegex, source],
          ] as const) {
            const found = orNone(() => constraintOf(source));
            expect(found !== undefined && accepts(found, text)).toBe(new RegExp(expression, "u").test(text));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  const lengths = fc.tuple(fc.nat(3), fc.integer({ min: 3, max: 6 }));

  test("beside another, and a length, lets through what all do, and no text that cannot end", () => {
    fc.assert(
      fc.property(fc.tuple(source, source), lengths, texts, (sources, [least, most], text) => {
        const length: Pattern = { kind: "repeat", of: anyCharacter, least, most };
        const [one, other] = sources;
        const found = orNone(() => partialRegex(one, parseRegex(other, { field: "regex", partial: true }), length));
        const count = Array.from(text).length;
        const fits = count >= least && count <= most && sources.every((each) => new RegExp(each, "u").test(text));
        expect(found !== undefined && accepts(found, text)).toBe(fits);
        if (found !== undefined) expect(randomAnswer(found, least, 1)).toBeDefined();
      }),
      { numRuns: 200 },
    );
  });

  test("says how long its texts are", () => {
    fc.assert(
      fc.property(source, texts, (source, text) => {
        const [least, most] = lengthsOf(parseRegex(source, { field: "regex", partial: false }));
        const length = Array.from(text).length;
        if (new RegExp(`^(?:${source})$`, "u").test(text)) expect(length >= least && length <= most).toBe(true);
      }),
    );
  });

  test.each([
    ["^a|b$", ["a", "ax", "b", "xb"], ["xa", "bx", ""]],
    ["^$", [""], ["a"]],
    ["^(a|b){2,3}?$", ["ab", "bba"], ["a", "aaaa"]],
    [String.raw`^[\]\\\-"]\u{1F43B}\x41$`, ["]🐻A", "-🐻A"], ["a🐻A"]],
  ])("%s", (source, good, bad) => {
    for (const text of good) expect([text, accepts(partialRegex(source), text)]).toEqual([text, true]);
    for (const text of bad) expect([text, accepts(partialRegex(source), text)]).toEqual([text, false]);
  });

  test.each([
    `(?=a)${"a?".repeat(700)}`,
    `(?=a)${"a?".repeat(2000)}`,
    `(?=.)${Array.from({ length: 400 }, (_, at) => String.fromCodePoint(0x4e00 + at)).join("")}`,
    `(?=.)${"a".repeat(1490)}`,
    "(?=(a|b)*a(a|b){12}$)(a|b)*",
  ])("is made into rules at once, or refused: %.20s", (source) => {
    const made = () => problemOf(regex(source));
    try {
      expect(made()).toBeUndefined();
    } catch (error) {
      expect(String(error)).toContain("takes too much");
    }
  });

  test.each([
    "(",
    ")",
    "a)",
    "[a",
    "a**",
    "a{2}{3}",
    "(?<!a)",
    "((?=a)b)*",
    "(?=a)b",
    "a(?=.{0,2000}b)(?=.{0,1999}c).*",
    String.raw`\bword`,
    String.raw`(a)\1`,
    String.raw`\p{L}`,
    "a^b",
    "{",
    "[b-a]",
    "a{3,2}",
    "\\",
  ])("%s is refused", (source) => {
    expect(() => regex(source)).toThrow("'regex' is not supported");
  });
});
