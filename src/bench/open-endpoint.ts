import * as z from "zod";
import { failure } from "../core/errors.ts";
import type { Endpoint } from "./completion-client.ts";
import type { TokenRange } from "./workload.ts";

const modelList = z.object({ data: z.array(z.object({ id: z.string() })).min(1) });
const answer = z.object({ usage: z.object({ prompt_tokens: z.number() }) });

interface Address {
  /** With or without `/v1` at its end. */
  readonly url: string;
  readonly apiKey?: string | undefined;
  /** Default: the first that the server lists. */
  readonly model?: string | undefined;
}

/** Asks a server what it serves. Throws `remote_server_failed`. */
export async function openEndpoint({ url, apiKey, model }: Address): Promise<Endpoint> {
  const base = url.replace(/\/+$/, "").replace(/\/v1$/, "");
  if (model !== undefined) return { url: base, model, apiKey };
  const response = await send({ url: base, model: "", apiKey }, "models");
  const body = await response.text();
  const failed = (problem: string) => failure("remote_server_failed", { url, problem });
  if (!response.ok) throw failed(`HTTP ${response.status}: ${body.slice(0, 200)}`);
  const parsed = modelList.safeParse(jsonOf(body));
  if (!parsed.success) throw failed(`it lists no model: ${body.slice(0, 200)}`);
  return { url: base, model: parsed.data.data[0]!.id, apiKey };
}

/** Ordinary tokens of nearly every vocabulary, then of small ones: below and above them are control tokens and bytes. */
const ranges: readonly TokenRange[] = [
  { low: 1000, high: 30_000 },
  { low: 300, high: 500 },
];

/** The ids that prompts may have, or undefined if the server does not take a prompt of ids as it is. */
export async function vocabularyOf(endpoint: Endpoint): Promise<TokenRange | undefined> {
  for (const range of ranges) {
    const prompt = [range.high - 1, range.low, range.high - 2];
    const body = { model: endpoint.model, prompt, max_tokens: 1, temperature: 0 };
    const response = await send(endpoint, "completions", body);
    const parsed = answer.safeParse(jsonOf(await response.text()));
    if (response.ok && parsed.success && parsed.data.usage.prompt_tokens === prompt.length) return range;
  }
  return undefined;
}

async function send({ url, apiKey }: Endpoint, path: string, body?: object): Promise<Response> {
  const headers = {
    "content-type": "application/json",
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  const request = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  try {
    return await fetch(`${url}/v1/${path}`, { ...request, headers });
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : undefined;
    throw failure("remote_server_failed", { url, problem: why ?? message }, error);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
