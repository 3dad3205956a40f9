import type { ChoiceEvent, FinishReason, GenerationEvent, ToolCallDelta, Usage } from "../../core/generation.ts";
import { AnswerLogprobs, type PlacedLogprobs } from "./logprobs.ts";
import type { ServiceTier } from "./scheduling-fields.ts";
import { timingsObject, type Timings } from "./timings.ts";

/** What all pieces of one answer have in common. */
export interface AnswerHeader {
  /** The request's id, `req-…`. */
  readonly requestId: string;
  /** Unix time in seconds. */
  readonly created: number;
  readonly model: string;
  /** That the client asked for; undefined = it did not. */
  readonly serviceTier?: ServiceTier | undefined;
}

/** The streams of all choices, collected. */
export interface WholeAnswer {
  readonly choices: readonly WholeChoice[];
  readonly usage: Usage;
  /** Undefined = not wanted. */
  readonly timings?: Timings | undefined;
}

/** Why an answer has ended, in OpenAI's words. */
type AnswerReason = FinishReason | "tool_calls";

/** In an answer that was cut off within it, its arguments are no JSON. */
interface WholeCall {
  readonly name: string;
  readonly arguments: string;
}

interface WholeChoice {
  readonly text: string;
  /** What was thought before it; "" = nothing. */
  readonly reasoning?: string;
  readonly calls?: readonly WholeCall[];
  readonly reason: AnswerReason;
  /** Undefined = not wanted. */
  readonly logprobs: readonly PlacedLogprobs[] | undefined;
}

/** Collects the stream of one choice. */
export class ChoiceCollector {
  #text = "";
  #reasoning = "";
  #reason: AnswerReason = "stop";
  readonly #calls: WholeCall[] = [];
  readonly #tokens: AnswerLogprobs | undefined;
  readonly #placed: PlacedLogprobs[] = [];

  constructor({ logprobs }: Pick<StreamOptions, "logprobs">) {
    this.#tokens = logprobs ? new AnswerLogprobs() : undefined;
  }

  note(said: Omit<ChoiceEvent, "index" | "choice">): void {
    const { event, reasoning = "", calls = [] } = said;
    this.#reasoning += reasoning;
    for (const { index, name, arguments: more } of calls) {
      const before = this.#calls[index];
      this.#calls[index] = { name: name ?? before!.name, arguments: (before?.arguments ?? "") + more };
    }
    this.#text += said.echo ?? "";
    if (event.type === "finished") {
      this.#reason = reasonOf(event.reason, said);
      this.#placed.push(...(this.#tokens?.rest() ?? []));
    }
    if (event.type !== "text-delta") return;
    this.#text += event.text;
    if (this.#tokens !== undefined) this.#placed.push(...this.#tokens.take(event));
  }

  /** After its end. */
  get whole(): WholeChoice {
    const logprobs = this.#tokens === undefined ? undefined : this.#placed;
    return { text: this.#text, reasoning: this.#reasoning, calls: this.#calls, reason: this.#reason, logprobs };
  }
}

/** That calls are what it ended with says more than that it ended by itself. */
function reasonOf(reason: FinishReason, { called }: Pick<ChoiceEvent, "called">): AnswerReason {
  return called === true && reason === "stop" ? "tool_calls" : reason;
}

/** What a stream says beside its texts. */
export interface StreamOptions {
  readonly includeUsage: boolean;
  readonly logprobs: boolean;
}

/** Writes a stream as server-sent events. */
export interface StreamFormat {
  /** "" = this event says nothing to the client. */
  readonly event: (said: ChoiceEvent) => string;
  /** When all choices have finished. */
  readonly end: (usage: Usage, timings?: Timings) => string;
}

/** `req-5f0c…` → `chatcmpl-5f0c…`: log, header and answer can be found by the same digits. */
export function answerId(prefix: string, requestId: string): string {
  return `${prefix}-${requestId.slice(requestId.indexOf("-") + 1)}`;
}

export function usageObject({ promptTokens, cachedTokens, completionTokens }: Usage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

export function sseEvent(data: string): string {
  return `data: ${data}\n\n`;
}

/** In llama-server's words. */
function progressObject({ total, cached, processed }: Extract<GenerationEvent, { type: "prompt-progress" }>): object {
  return { total, cache: cached, processed };
}

interface StreamParts {
  /** Opening of every chunk: `{"id":…,"model":…`. */
  readonly head: string;
  /** What a choice says before its first text; "" = nothing. */
  readonly opening: (index: number, echo?: string) => string;
  /** A choice around the JSON of a text and that of its logprobs. */
  readonly choice: (index: number) => readonly [before: string, between: string, after: string];
  readonly logprobs: (tokens: readonly PlacedLogprobs[]) => object;
  /** A choice that thinks. Without it nobody took thoughts out of the text. */
  readonly reasoning?: (index: number, reasoning: string) => string;
  /** A choice that calls something. Without it nobody took calls out of the text. */
  readonly calls?: (index: number, calls: readonly ToolCallDelta[]) => string;
  /** A choice that says nothing, or why it has ended. */
  readonly silentChoice: (index: number, reason: AnswerReason | null) => string;
}

/** What is the same in all texts of a choice. */
interface Frame {
  readonly before: string;
  readonly between: string;
  readonly after: string;
  readonly tokens: AnswerLogprobs | undefined;
}

/**
 * The events of a stream around what differs between its kinds. Per token only the text and its logprobs are serialized:
 * everything else of a chunk is made once.
 */
export function streamOf(parts: StreamParts, { includeUsage, logprobs }: StreamOptions): StreamFormat {
  const { head, opening, choice, silentChoice } = parts;
  // With include_usage every chunk has the field, null in all but the last.
  const noUsage = includeUsage ? ',"usage":null' : "";
  const before = `data: ${head},"choices":[`;
  const after = `]${noUsage}}\n\n`;
  /** An event of a choice, and of what else it is; "" of none. */
  const framed = (said: string | undefined, more?: object): string => {
    if (said === undefined || said === "") return "";
    return before + said + (more === undefined ? after : `]${noUsage},${JSON.stringify(more).slice(1)}\n\n`);
  };
  const frames: Frame[] = [];
  const frameOf = (index: number): Frame => {
    const [begin, between, end] = choice(index);
    const tokens = logprobs ? new AnswerLogprobs() : undefined;
    return { before: before + begin, between, after: end + after, tokens };
  };
  const textChunk = (index: number, event: Extract<GenerationEvent, { type: "text-delta" }>): string => {
    const frame = (frames[index] ??= frameOf(index));
    return written(frame, event.text, frame.tokens?.take(event));
  };
  const written = ({ before, between, after }: Frame, text: string, placed?: readonly PlacedLogprobs[]): string => {
    if (text === "" && (placed === undefined || placed.length === 0)) return "";
    const tokens = placed === undefined ? "null" : JSON.stringify(parts.logprobs(placed));
    return before + JSON.stringify(text) + between + tokens + after;
  };
  return {
    event: (said) => {
      const { index, event, reasoning = "", calls } = said;
      if (event.type === "text-delta") {
        const thought = reasoning === "" ? "" : framed(parts.reasoning?.(index, reasoning));
        return thought + textChunk(index, event) + (calls === undefined ? "" : framed(parts.calls?.(index, calls)));
      }
      if (event.type === "admitted") return framed(opening(index, said.echo));
      if (event.type === "finished") {
        const frame = frames[index];
        const last = frame === undefined ? "" : written(frame, "", frame.tokens?.rest());
        return last + framed(silentChoice(index, reasonOf(event.reason, said)));
      }
      return framed(silentChoice(index, null), { prompt_progress: progressObject(event) });
    },
    end: (usage, timings) => {
      const facts = {
        ...(includeUsage && { usage: usageObject(usage) }),
        ...(timings && { timings: timingsObject(usage, timings) }),
      };
      const last =
        Object.keys(facts).length === 0 ? "" : sseEvent(`${head},"choices":[],${JSON.stringify(facts).slice(1)}`);
      return last + sseEvent("[DONE]");
    },
  };
}

/** An object's JSON without its closing brace, so that more can follow. */
export function openJson(object: object): string {
  return JSON.stringify(object).slice(0, -1);
}
