import * as z from "zod";
import { failure } from "../../core/errors.ts";
import { lanes, type Lane } from "../../core/generation.ts";
import { describe } from "../shown-value.ts";
import { choiceOf, secondsUpTo } from "./fields.ts";

const longestTimeout = 86_400;

const quoted = (values: readonly string[]) => values.map((value) => `"${value}"`).join(", ");

/** How urgent a request is: its lane. */
export const priorityField = z.enum(lanes, quoted(lanes));

/** OpenAI's words for how urgent a request is, as lanes; undefined = the one that the key gives. */
const tierLanes = { auto: undefined, default: undefined, priority: "interactive", flex: "batch" } as const;
export type ServiceTier = keyof typeof tierLanes;
const tiers = Object.keys(tierLanes) as ServiceTier[];
export const serviceTierField = choiceOf(tiers, ["scale"], "no capacity can be bought");

/** For queue, prompt and answer together, in seconds. */
export const timeoutField = secondsUpTo(longestTimeout);

/** What a client, or a proxy before it, may say without touching the body. What the body says is stronger. */
export interface SchedulingHeaders {
  readonly "x-priority": string | undefined;
  readonly "x-request-timeout": string | undefined;
}

interface Given {
  /** The most urgent lane that the request may ask for, and the one that it gets if it asks for none. */
  readonly lane: Lane;
  readonly headers: SchedulingHeaders;
  readonly defaultTimeoutMs: number | undefined;
}

interface Urgency {
  readonly priority: Lane | null | undefined;
  readonly serviceTier: ServiceTier | undefined;
}

/** The lane of a request. Throws `invalid_value` for one that is more urgent than its key allows. */
export function laneOf({ priority, serviceTier = "auto" }: Urgency, { lane: most, headers }: Given): Lane {
  const header = readHeader("x-priority", headers, { schema: priorityField, toValue: (text) => text });
  const tier = tierLanes[serviceTier];
  const allowed = lanes.slice(lanes.indexOf(most));
  if (tier !== undefined && !(allowed.includes(tier) && (priority ?? tier) === tier)) {
    const accepted = '"auto" and "default"; others only where key and \'priority\' allow their lane';
    throw failure("invalid_value", { field: "service_tier", value: describe(serviceTier), accepted });
  }
  const wanted = priority ?? tier ?? header ?? most;
  if (allowed.includes(wanted)) return wanted;
  const field = priority ? "priority" : "x-priority";
  throw failure("invalid_value", { field, value: describe(wanted), accepted: `${quoted(allowed)} with this key` });
}

/** In ms; undefined = no limit. */
export function timeoutOf(
  seconds: number | null | undefined,
  { headers, defaultTimeoutMs }: Given,
): number | undefined {
  const header = readHeader("x-request-timeout", headers, { schema: timeoutField, toValue: numberIn });
  const wanted = seconds ?? header;
  return wanted === undefined ? defaultTimeoutMs : 1000 * wanted;
}

const numberIn = (text: string) => (/^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : undefined);

interface HeaderType<T> {
  readonly schema: z.ZodType<T>;
  readonly toValue: (text: string) => unknown;
}

/** A header's value; undefined when it was not sent. A bad one is refused also where the body is stronger. */
function readHeader<T>(name: keyof SchedulingHeaders, headers: SchedulingHeaders, type: HeaderType<T>): T | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  const parsed = type.schema.safeParse(type.toValue(text));
  if (parsed.success) return parsed.data;
  const accepted = parsed.error.issues[0]!.message;
  throw failure("invalid_value", { field: name, value: describe(text), accepted });
}
