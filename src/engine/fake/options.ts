import * as z from "zod";
import { failure } from "../../core/errors.ts";

const amount = z
  .string()
  .regex(/^\d+(\.\d+)?$/, "must be a number, 0 or more")
  .transform(Number);
const whole = z.string().regex(/^\d+$/, "must be a whole number, 0 or more").transform(Number);
const flag = z.enum(["0", "1"], { error: "must be 0 or 1" }).transform((value) => value === "1");
const texts = "must be a JSON object of texts: what is asked → what is answered";
/** As pairs: in a record the key `__proto__` would get lost. */
const replies = z
  .string()
  .transform((text, context): unknown => {
    try {
      const object: unknown = JSON.parse(text);
      return typeof object === "object" && object !== null && !Array.isArray(object) ? Object.entries(object) : object;
    } catch {
      context.addIssue({ code: "custom", message: "must be JSON" });
      return z.NEVER;
    }
  })
  .pipe(z.array(z.tuple([z.string(), z.string({ error: texts })], { error: texts }), { error: texts }));

const crashes = ["kill", "abort", "segv", "garbage", "hangup"] as const;

const schema = z.strictObject({
  /** Different seeds are different models: they answer with other words. */
  seed: whole.default(1),
  /** A JSON object: when the last user message (or a plain prompt) contains the key, the answer is the value. */
  script: replies.default([]),
  /** 0 = a base model without a chat template. */
  chat: flag.default(true),
  /** 1 = its chat template opens a thought, which a script's answer ends with `</think>`. */
  thinks: flag.default(false),
  /** Tokens of a sliding attention window, at least 8; 0 = none. */
  window: whole.refine((n) => n === 0 || n >= 8, "must be 0 or at least 8").default(0),
  /** 1 = a memory that can only be cleared or kept whole. */
  recurrent: flag.default(false),

  // What a step costs: stepMs + prefillUsPerToken · (tokens - sequences) + decodeUsPerSequence · sequences.
  stepMs: amount.default(0),
  prefillUsPerToken: amount.default(0),
  decodeUsPerSequence: amount.default(0),

  // What goes wrong, and at which step (1 = the first; 0 = never).
  loadMs: amount.default(0),
  loadFails: flag.default(false),
  crashAtStep: whole.default(0),
  /** `garbage` and `hangup` do not end the process, but its talk with the server. */
  crash: z.enum(crashes, { error: `must be one of ${crashes.join(", ")}` }).default("kill"),
  /** A step that computes this token crashes; 0 = none does. */
  poisonToken: whole.default(0),
  /** The step never ends, except through the abort flag. */
  stallAtStep: whole.default(0),
  noRoomAtStep: whole.default(0),
});

export type FakeOptions = Readonly<z.infer<typeof schema>>;

/** Parses "stepMs=5&seed=7". Throws `invalid_config`, naming the option and what is accepted. */
export function parseFakeOptions(text: string): FakeOptions {
  const given: Record<string, string> = {};
  for (const [key, value] of new URLSearchParams(text)) {
    if (Object.hasOwn(given, key)) throw invalid(`'${key}' is given twice`);
    if (!Object.hasOwn(schema.shape, key)) throw invalid(`'${key}' is not an option`);
    given[key] = value;
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data);
  const issue = parsed.error.issues[0]!;
  throw invalid(`'${String(issue.path[0])}' ${issue.message}`);
}

function invalid(problem: string): Error {
  const accepted = Object.keys(schema.shape).join(", ");
  return failure("invalid_config", { problem: `fake engine: ${problem}; accepted: ${accepted}` });
}
