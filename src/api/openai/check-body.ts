import type { z } from "zod";
import { failure, type MillraceError } from "../../core/errors.ts";
import { describe, shorten } from "../shown-value.ts";
import { noAdvice } from "./fields.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** The body as the schema types it. Throws a MillraceError that names field, value and what is accepted. */
export function checkBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw toFailure(worst(result.error.issues), body);
}

function toFailure(issue: Issue, body: unknown): MillraceError {
  const field = fieldName(issue.path);
  const value = valueAt(body, issue.path);
  if (issue.code === "unrecognized_keys")
    return failure("unknown_field", {
      field: fieldName([...issue.path, issue.keys[0]!]),
      advice: issue.message === noAdvice ? "" : issue.message,
    });
  const problem = refusal(issue);
  if (problem !== undefined) return failure("unsupported_field", { field, problem });
  if (value === undefined) return failure("missing_field", { field, accepted: issue.message });
  return failure("invalid_value", { field, value: describe(value), accepted: issue.message });
}

/** Of several issues the one that explains most: a refused feature, then a misspelt field, then what comes first. */
function worst(issues: readonly Issue[]): Issue {
  const explained = issues.map(insideUnion);
  return (
    explained.find((issue) => refusal(issue) !== undefined) ??
    explained.find((issue) => issue.code === "unrecognized_keys") ??
    explained[0]!
  );
}

/**
 * What went wrong in the one alternative that fitted further than all others; else the union's own issue. That it is, too,
 * of an array that is too long: nobody has looked at its elements.
 */
function insideUnion(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  const found = issue.errors.filter((issues) => issues.length > 0).map((issues) => worst([...issues]));
  if (found.some(({ code, path }) => code === "too_big" && path.length === 0)) return issue;
  const deepest = Math.max(0, ...found.map((inner) => inner.path.length));
  const [only, ...others] = found.filter((inner) => inner.path.length === deepest);
  if (deepest === 0 || only === undefined || others.length > 0) return issue;
  return { ...only, path: [...issue.path, ...only.path] };
}

function refusal(issue: Issue): string | undefined {
  return issue.code === "custom" ? (issue.params?.["refused"] as string | undefined) : undefined;
}

/** A path as people write it: `messages[0].content`. */
function fieldName(path: Path): string {
  if (path.length === 0) return "body";
  const name = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return shorten(name.replace(/^\./, ""), 100);
}

function valueAt(body: unknown, path: Path): unknown {
  let value = body;
  for (const key of path) value = (value as Record<PropertyKey, unknown>)[key];
  return value;
}
