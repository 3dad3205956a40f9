import type { Constraint } from "./constraint.ts";

/** A function that a model may call; in the shape that chat templates know. */
export interface Tool {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string;
    /** A JSON schema of its arguments, an object. */
    readonly parameters: Readonly<Record<string, unknown>>;
  };
}

/** A call of one, in a conversation. */
export interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: {
    readonly name: string;
    /** As they were written, where that is no JSON object. */
    readonly arguments: Readonly<Record<string, unknown>> | string;
  };
}

/** One message of a conversation, as chat templates see it. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
  /** What an assistant thought before it answered; by the name that templates know it by. */
  readonly reasoning_content?: string;
  /** What an assistant called. */
  readonly tool_calls?: readonly ToolCall[];
  /** Of the role `tool`: which call this answers. */
  readonly tool_call_id?: string;
}

/** How long a model is to think before it answers, where its template lets that be chosen. */
export const reasoningEfforts = ["none", "minimal", "low", "medium", "high", "xhigh"] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

export interface ChatPrompt {
  readonly kind: "chat";
  readonly messages: readonly ChatMessage[];
  /** Missing = as the template has it. */
  readonly reasoningEffort?: ReasoningEffort;
  /** What the model is told that it can call; missing = nothing. */
  readonly tools?: readonly Tool[];
}

/** What is no conversation: a text, or its tokens as they are, to which nothing is added. */
export type TextPrompt =
  /** With a suffix, what stands between the two is asked for. */
  | { readonly kind: "text"; readonly text: string; readonly suffix?: string }
  | { readonly kind: "tokens"; readonly ids: readonly number[] };

export type Prompt = ChatPrompt | TextPrompt;

/** Added to the logit of a token, -100..100: 100 forces it, -100 forbids it. */
export interface TokenBias {
  readonly token: number;
  readonly bias: number;
}

/** How the next token is chosen. Every filter has a value that turns it off. */
export interface Sampling {
  /** 0 = greedy; otherwise logits are divided by it. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 = off. */
  readonly topK: number;
  /** Keep the smallest set of tokens whose probability reaches this; 1 = off. */
  readonly topP: number;
  /** Drop tokens less likely than this times the most likely one; 0 = off. */
  readonly minP: number;
  /** Divides (multiplies, when negative) the logit of each token already seen in prompt or answer; 1 = off. */
  readonly repeatPenalty: number;
  /** Subtracted from a logit per occurrence in the answer; 0 = off. */
  readonly frequencyPenalty: number;
  /** Subtracted from a logit once if the token occurs in the answer; 0 = off. */
  readonly presencePenalty: number;
  /** Applied before all else, each token at most once; none = off. */
  readonly logitBias: readonly TokenBias[];
  /** Draws are keyed by (seed, choice, position): the same request draws the same numbers in any batch. Unsigned 32 bits. */
  readonly seed: number;
}

/** Classes of urgency, most urgent first: a lane is served before those behind it. */
export const lanes = ["interactive", "batch", "background"] as const;
export type Lane = (typeof lanes)[number];

/** Whose request it is: known from the key that it came with, never from a field that the client could change. */
export interface Tenant {
  /** Prefix cache and fair share are kept by this name. */
  readonly name: string;
  /** Its part of the machine beside other tenants: with weight 2 it is served twice as many tokens as one with 1. */
  readonly weight: number;
}

/** What a client asked for, in our words: no wire names, every field valid. */
export interface GenerationRequest {
  /**
   * Unique; in the log, in the response header, in every message between processes. Of the answers that a client asked
   * for together all but the first have their index behind it.
   */
  readonly id: string;
  readonly model: string;
  readonly tenant: Tenant;
  readonly lane: Lane;
  /** For queue, prefill and decode together, in ms; undefined = no limit. */
  readonly timeoutMs: number | undefined;
  /** Since when the timeout counts, on the system's clock in ms; missing = since it is asked. */
  readonly arrived?: number;
  readonly prompt: Prompt;
  /** Which of the answers that a client asked for together it is, for their draws differ. Unsigned 32 bits. */
  readonly choice: number;
  /** Most tokens to generate, 0 or more; undefined = until the context is full. */
  readonly maxTokens: number | undefined;
  /** The likeliest tokens to tell in each place of the answer, 0..20; undefined = no probabilities at all. */
  readonly logprobs: number | undefined;
  readonly sampling: Sampling;
  /** Texts at which the answer ends; they are not part of it. */
  readonly stop: readonly string[];
  /** Go on after the model's end-of-generation token. Not with a constraint. */
  readonly ignoreEos: boolean;
  /** What the answer may be; missing = anything. */
  readonly constraint?: Constraint | undefined;
  /** Tell how far the prompt is; missing = no. */
  readonly progress?: true;
  /** Begin with the prompt, its text and `logprobs` of its tokens; missing = no. Not without `logprobs`. */
  readonly scorePrompt?: true;
}

/** A token, and how likely the model found it, before anything of `Sampling`. */
export interface TokenProbability {
  readonly token: number;
  /** Of its text, which may be a part of a character; a control token has none in an answer: of its name. */
  readonly bytes: readonly number[];
  readonly isControl: boolean;
  /** The natural logarithm of the probability, at least -9999. */
  readonly logprob: number;
}

/** A token of an answer, beside what else could have stood in its place. */
export interface TokenLogprobs extends Omit<TokenProbability, "logprob"> {
  /** Null of the first token of a prompt, which nothing leads to. */
  readonly logprob: number | null;
  /** Where its text begins in the answer's, in UTF-16 units. Never less than that of the token before. */
  readonly begin: number;
  /** The likeliest first. */
  readonly top: readonly TokenProbability[];
}

export type FinishReason = "stop" | "length";

export interface Usage {
  readonly promptTokens: number;
  /**
   * Those of the prompt that were not computed for this request: their KV was there. Of a request that went on after its
   * engine's death, those that its last engine process found.
   */
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/**
 * The life of a request: `admitted` once, `prompt-progress` and then `text-delta` any number of times, `finished` once. A failure is thrown by the
 * iterator. The list is closed: switch over it exhaustively.
 */
export type GenerationEvent =
  /** The prompt as token ids (templates may contain dates: it is never rendered twice). */
  | {
      readonly type: "admitted";
      readonly promptTokens: readonly number[];
      /** Its text begins inside reasoning, `open` by the prompt, or may begin with some; missing = the model has none. */
      readonly reasoning?: "open" | "possible";
    }
  /** So many of the prompt's `total` tokens have been computed, or `cached`, which they include. After each step that computes some. */
  | { readonly type: "prompt-progress"; readonly processed: number; readonly cached: number; readonly total: number }
  /**
   * `tokens` are the ids sampled since the last event; `text` is what became certain with them. It may be empty: bytes
   * of an unfinished character and a possible beginning of a stop string are held back.
   */
  | {
      readonly type: "text-delta";
      readonly text: string;
      readonly tokens: readonly number[];
      /**
       * One for each of `tokens`, if the request wants them; also for one whose text is held back, see `begin`. Those of a
       * prompt that is scored come first, without `tokens`.
       */
      readonly logprobs?: readonly TokenLogprobs[];
      /** The text is the prompt's. */
      readonly ofPrompt?: true;
    }
  | {
      readonly type: "finished";
      readonly reason: FinishReason;
      readonly usage: Usage;
      /** How often its engine died and the request went on in another; missing = never. */
      readonly resumes?: number;
    };

/** More of a call that the model makes. */
export interface ToolCallDelta {
  /** Among the calls of its answer. */
  readonly index: number;
  /** With the first of it. */
  readonly name?: string;
  /** More of the text of its arguments, which is a JSON object when it is whole. */
  readonly arguments: string;
}

/** What one of several answers says. */
export interface ChoiceEvent {
  /** Among all that the client asked for, the answers to its first prompt first. */
  readonly index: number;
  /** Among those to the same prompt. */
  readonly choice: number;
  readonly event: GenerationEvent;
  /** With `admitted`: the text of its prompt, where that is to stand before the answer. */
  readonly echo?: string;
  /** What the model thinks before it answers, where that was taken out of the text. */
  readonly reasoning?: string;
  /** What it calls, where that was taken out of the text. */
  readonly calls?: readonly ToolCallDelta[];
  /** With `finished`: it has called something, and no call was cut off. */
  readonly called?: true;
}

/** What is taken for requests that leave it out: as a server's owner says. Without a seed each gets one of its own. */
export interface RequestDefaults extends Partial<Omit<Sampling, "logitBias">> {
  readonly maxTokens?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  /** For a chat without a system message. */
  readonly system?: string | undefined;
}
