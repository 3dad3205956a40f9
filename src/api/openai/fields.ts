import * as z from "zod";
import { closestWord } from "../../core/closest-word.ts";

/*
 * The kinds of fields that requests are made of. `accepted` completes "…; accepted: " in the error of a value that does
 * not fit. An optional field may be null, which means absent, as OpenAI has it.
 */

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

function advice(key: string | undefined, known: readonly string[]): string {
  const meant = closestWord(key ?? "", known);
  return meant === undefined ? "" : `; did you mean '${meant}'?`;
}

/** An array. Stops at the first bad element: a body of millions of them must not become millions of issues. */
export function listOf<T>(element: z.ZodType<T>, accepted: string, { least = 1, most = Infinity } = {}) {
  return z
    .array(z.unknown(), accepted)
    .min(least, accepted)
    .max(most, accepted)
    .transform((items, context): T[] => {
      const parsed: T[] = [];
      for (const [index, item] of items.entries()) {
        const result = element.safeParse(item);
        if (!result.success) {
          for (const issue of result.error.issues)
            context.issues.push({ ...issue, input: item, path: [index, ...issue.path] } as z.core.$ZodRawIssue);
          return z.NEVER;
        }
        parsed.push(result.data);
      }
      return parsed;
    });
}

/** A field without meaning for a local model: accepted, whatever it is, and ignored. */
export const ignored = () => z.unknown().optional();

/**
 * A documented field that does not work here. A value that asks for nothing (`asksNothing`, null) is accepted; any other
 * is refused by name, never ignored in silence.
 */
export function refused(problem: string, asksNothing: (value: unknown) => boolean = () => false) {
  return z
    .unknown()
    .optional()
    .refine((value) => value === undefined || value === null || asksNothing(value), { params: { refused: problem } });
}

/** One of `works`; the documented values `later` are refused by name. */
export function choiceOf(works: readonly string[], later: readonly string[], problem: string) {
  const accepted = works.map((value) => `"${value}"`).join(", ");
  return z
    .enum([...works, ...later], accepted)
    .refine((value) => !later.includes(value), { params: { refused: `${problem}; accepted: ${accepted}` } });
}

export const oneOf =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value);

/** An array or object without content. */
export const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;
