import * as z from "zod";
import { closestWord } from "../../core/closest-word.ts";

/*
 * The kinds of fields that requests are made of. `accepted` completes "…; accepted: " in the error of a value that does
 * not fit. An optional field may be null, which means absent, as OpenAI has it.
 */

/** Of a field that does not work here: what the documentation says of it. */
interface FieldNote {
  readonly here: "ignored" | "refused";
  readonly why: string;
}

export const fieldNotes = z.registry<FieldNote>();

const listElements = z.registry<{ element: unknown }>();

/** What a `listOf` is a list of, which its own schema does not tell; undefined of anything else. */
export function elementOf(list: z.core.$ZodType): z.ZodType | undefined {
  return listElements.get(list)?.element as z.ZodType | undefined;
}

export const numberFrom = (low: number, high: number) => {
  const accepted = `a number from ${low} to ${high}`;
  return z.number(accepted).min(low, accepted).max(high, accepted);
};

export const integerFrom = (low: number, high: number, what = "a whole number") => {
  const accepted = `${what} from ${low} to ${high}`;
  return z.int(accepted).min(low, accepted).max(high, accepted);
};

export const secondsUpTo = (most: number) => {
  const accepted = `a number of seconds above 0, up to ${most}`;
  return z.number(accepted).gt(0, accepted).max(most, accepted);
};

export const flag = () => z.boolean("true or false").nullish();

export const text = (accepted = "a string") => z.string(accepted);

/** An object of exactly these fields; of an unknown one the error tells which field was probably meant. */
export function objectOf<Shape extends z.ZodRawShape>(shape: Shape, accepted: string) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? advice(issue.keys[0], known) : accepted),
  });
}

/** Not empty: zod puts words of its own into the place of an empty message when an issue goes through a list. */
export const noAdvice = " ";

function advice(key: string | undefined, known: readonly string[]): string {
  const meant = closestWord(key ?? "", known);
  return meant === undefined ? noAdvice : `; did you mean '${meant}'?`;
}

/** Elements of an array: one or more, unless they say otherwise. */
interface Limits {
  readonly least?: number;
  readonly most?: number;
}

function arrayWithin(accepted: string, { least = 1, most = Infinity }: Limits) {
  const atLeast = z.array(z.unknown(), accepted).min(least, accepted);
  return most === Infinity ? atLeast : atLeast.max(most, accepted);
}

/** What is wrong with an element, as an issue of its array. */
function tellOfElement(
  context: z.RefinementCtx,
  { issues }: z.ZodError,
  { item, index }: { readonly item: unknown; readonly index: number },
): never {
  for (const issue of issues)
    context.issues.push({ ...issue, input: item, path: [index, ...issue.path] } as z.core.$ZodRawIssue);
  return z.NEVER;
}

/**
 * An array. Stops at the first bad element: a body of millions of them must not become millions of issues. Each element is a
 * parse of its own, so `most` is to be given wherever millions would fit.
 */
export function listOf<T>(element: z.ZodType<T>, accepted: string, limits: Limits = {}) {
  return arrayWithin(accepted, limits)
    .transform((items, context): T[] => {
      const parsed: T[] = [];
      for (const [index, item] of items.entries()) {
        const result = element.safeParse(item);
        if (!result.success) return tellOfElement(context, result.error, { item, index });
        parsed.push(result.data);
      }
      return parsed;
    })
    .register(listElements, { element });
}

const tokenId = integerFrom(0, 2 ** 31 - 1, "a token id");

/** An array of token ids. One plain loop checks them: a body has room for millions. */
export function tokenIdsField(accepted = "an array of token ids", limits: Limits = {}) {
  return arrayWithin(accepted, limits)
    .transform((ids, context): number[] => {
      const index = ids.findIndex((id) => !isTokenId(id));
      if (index < 0) return ids as number[];
      const item = ids[index];
      return tellOfElement(context, tokenId.safeParse(item).error!, { item, index });
    })
    .register(listElements, { element: tokenId });
}

/** What `tokenId` accepts, for less than a parse. */
function isTokenId(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}

/** A field without meaning for a local model: accepted, whatever it is, and ignored. */
export const ignored = (why: string) => z.unknown().optional().register(fieldNotes, { here: "ignored", why });

/** The values of a field that ask for nothing, beside null; `json` says the same as a JSON schema. */
interface Nothing {
  readonly fits: (value: unknown) => boolean;
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * A documented field that does not work here. A value that asks for nothing is accepted; any other is refused by name,
 * never ignored in silence.
 */
export function refused(problem: string, nothing: Nothing = oneOf()) {
  return z
    .unknown()
    .optional()
    .refine((value) => value === undefined || value === null || nothing.fits(value), { params: { refused: problem } })
    .meta(nothing.json)
    .register(fieldNotes, { here: "refused", why: problem });
}

/** One of `works`; the documented values `later` are refused by name. */
export function choiceOf<Works extends string>(works: readonly Works[], later: readonly string[], problem: string) {
  const accepted = works.map((value) => `"${value}"`).join(", ");
  return z
    .enum([...works, ...later], accepted)
    .refine((value): value is Works => !later.includes(value), {
      params: { refused: `${problem}; accepted: ${accepted}` },
    })
    .meta({ enum: works });
}

export const oneOf = (...values: readonly (string | number | boolean)[]): Nothing => ({
  fits: (value) => (values as readonly unknown[]).includes(value),
  json: { enum: [...values, null] },
});

/** An array or object without content. */
export const isEmpty: Nothing = {
  fits: (value) => typeof value === "object" && value !== null && Object.keys(value).length === 0,
  json: { type: ["array", "object", "null"], maxItems: 0, maxProperties: 0 },
};
