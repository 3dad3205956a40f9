import type { GenerationEvent, TokenLogprobs, ToolCallDelta } from "../../core/generation.ts";
import { JsonDepth } from "./json-depth.ts";

const opening = "<tool_call>";
const closing = "</tool_call>";
/** Text that may become a call is held back; nothing that is longer becomes one before its arguments begin. */
const mostHeld = 4096;

/** What comes before the arguments of a call, in the order in which nearly all models write it. */
const header =
  /^\{\s*(?:"type"\s*:\s*"function"\s*,\s*)?"name"\s*:\s*"([\w-]{1,64})"\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)/;
/** Which key an object begins with, as far as it is there. */
const firstKey = /^\{\s*(?:"([^"]*)("?))?/;
/** Objects that begin otherwise are an answer in JSON, and not to be held back. */
const firstKeys = ["name", "type"];

type Delta = Extract<GenerationEvent, { type: "text-delta" }>;

interface Split {
  readonly event: Delta;
  readonly calls: readonly ToolCallDelta[];
}

/**
 * Takes the calls out of one answer, in either of two forms: `<tool_call>{"name": …, "arguments": …}</tool_call>` anywhere
 * (Hermes, Qwen), and an answer that is `{"name": …, "parameters": …}`, or several of them, in a list or not (Llama 3, Mistral).
 * Arguments go out as they come. What turns out to be no call, or one of a function that there is not, stays text: nothing
 * that was held back is lost, but for the blanks around calls.
 */
export class CallSplitter {
  readonly #names: ReadonlySet<string>;
  /** `text`: outside; `object`: perhaps in a call; `arguments`: in those of a call; `tail`: behind them. */
  #state: "text" | "object" | "arguments" | "tail" = "text";
  #held = "";
  /** Where `held` begins in the answer's text, in UTF-16 units; and how much of what lies before it was no text. */
  #at = 0;
  #dropped = 0;
  #calls = 0;
  /** A call can stand here without marks: nothing was said, or calls alone. */
  #isBare: boolean;
  /** The call that is read has marks. */
  #isMarked = false;
  /** What stands before the call that is read, and is no text if it is one. */
  #before = 0;
  #depth = new JsonDepth();
  #tokens: TokenLogprobs[] = [];
  // Of the event that is made:
  #text = "";
  #textTokens: TokenLogprobs[] = [];
  #deltas: ToolCallDelta[] = [];

  constructor({ names, marksOnly }: { readonly names: ReadonlySet<string>; readonly marksOnly: boolean }) {
    this.#names = names;
    this.#isBare = !marksOnly;
  }

  /** Something was called, and nothing was cut off in the middle of a call. After the end. */
  get isWhole(): boolean {
    return this.#calls > 0 && this.#state === "text";
  }

  split(delta: Delta): Split {
    this.#held += delta.text;
    this.#tokens.push(...(delta.logprobs ?? []));
    this.#read(false);
    return this.#taken(delta);
  }

  /** What was held is no call any more. */
  end(): Split {
    this.#read(true);
    return this.#taken({ type: "text-delta", text: "", tokens: [] });
  }

  #taken({ type, tokens, logprobs }: Delta): Split {
    const hasTokens = logprobs !== undefined || this.#textTokens.length > 0;
    const event = { type, text: this.#text, tokens, ...(hasTokens && { logprobs: this.#textTokens }) };
    const calls = this.#deltas;
    [this.#text, this.#textTokens, this.#deltas] = ["", [], []];
    return { event, calls };
  }

  #read(isEnd: boolean): void {
    while (this.#step(isEnd)) if (this.#held === "" && this.#state === "text") return;
  }

  /** Returns whether it came further with what is held. */
  #step(isEnd: boolean): boolean {
    switch (this.#state) {
      case "text":
        return this.#readText(isEnd);
      case "object":
        return this.#readObject(isEnd);
      case "arguments":
        return this.#readArguments();
      case "tail":
    }
    return this.#readTail(isEnd);
  }

  #readText(isEnd: boolean): boolean {
    const bare = this.#isBare ? this.#bareStart() : undefined;
    if (bare === "perhaps") {
      if (isEnd && this.#calls > 0) this.#drop(this.#held.length);
      else if (isEnd) this.#release(this.#held.length);
      return false;
    }
    if (typeof bare === "number") return this.#begin(bare, false);
    const mark = this.#held.indexOf(opening);
    if (mark >= 0) {
      const before = this.#held.slice(0, mark).trimEnd();
      if (before !== "") this.#release(before.length);
      return this.#begin(mark - before.length, true);
    }
    const blanksOnly = this.#held.trim() === "";
    if (isEnd && this.#calls > 0 && blanksOnly) this.#drop(this.#held.length);
    else this.#release(isEnd ? this.#held.length : this.#held.length - startOfMark(this.#held));
    return false;
  }

  /** How many characters stand before an object that may be a call without marks; undefined = there is none. */
  #bareStart(): number | "perhaps" | undefined {
    const before = (this.#calls === 0 ? /^\s*(?:\[\s*)?/ : /^[\s,;\]]*/).exec(this.#held)![0].length;
    if (before === this.#held.length) return "perhaps";
    return this.#held[before] === "{" ? before : undefined;
  }

  /** At an object, or the mark of one, behind so many characters. */
  #begin(before: number, isMarked: boolean): boolean {
    this.#isMarked = isMarked;
    this.#state = "object";
    this.#before = before;
    return true;
  }

  #readObject(isEnd: boolean): boolean {
    const skipped = this.#before + (this.#isMarked ? opening.length : 0);
    const rest = this.#held.slice(skipped);
    const object = rest.trimStart();
    const begin = skipped + rest.length - object.length;
    const found = header.exec(object);
    if (found !== null) {
      if (!this.#names.has(found[1]!)) return this.#isNoCall();
      this.#drop(begin);
      this.#say({ name: found[1]!, arguments: "" });
      this.#depth = new JsonDepth();
      this.#depth.until(found[0], 0);
      this.#drop(found[0].length);
      this.#state = "arguments";
      return true;
    }
    const length = new JsonDepth().until(object, 0);
    if (length !== undefined) return this.#wholeObject(object.slice(0, length), begin);
    const isHopeless = object.length > mostHeld || (object !== "" && !this.#mayBeCall(object));
    return isEnd || isHopeless ? this.#isNoCall() : false;
  }

  #mayBeCall(object: string): boolean {
    if (this.#isMarked) return object.startsWith("{") && !object.includes(closing);
    const [, key = "", quote = ""] = firstKey.exec(object) ?? [];
    return firstKeys.some((name) => (quote === "" ? name.startsWith(key) : name === key));
  }

  /** A call that is written in another order, or without arguments. */
  #wholeObject(json: string, begin: number): boolean {
    const call = callIn(json);
    if (call === undefined || !this.#names.has(call.name)) return this.#isNoCall();
    this.#drop(begin + json.length);
    this.#say(call);
    this.#calls++;
    this.#depth = new JsonDepth();
    this.#state = "tail";
    return true;
  }

  #say(delta: Omit<ToolCallDelta, "index">): void {
    const last = this.#deltas.at(-1);
    const index = this.#calls;
    if (last?.index !== index) this.#deltas.push({ index, ...delta });
    else this.#deltas[this.#deltas.length - 1] = { ...last, arguments: last.arguments + delta.arguments };
  }

  #isNoCall(): boolean {
    this.#state = "text";
    this.#release(this.#before + (this.#isMarked ? opening.length : 1));
    return true;
  }

  #readArguments(): boolean {
    const length = this.#depth.until(this.#held, 1);
    const more = this.#held.slice(0, length);
    if (more !== "") this.#say({ arguments: more });
    this.#drop(more.length);
    if (length === undefined) return false;
    this.#calls++;
    this.#state = "tail";
    return true;
  }

  /** The rest of the object, and its closing mark. A model that forgets them has made a call all the same. */
  #readTail(isEnd: boolean): boolean {
    if (this.#depth.depth > 0) {
      const length = this.#depth.until(this.#held, 0);
      this.#drop(length ?? this.#held.length);
      if (length === undefined && !isEnd) return false;
    }
    const rest = this.#held.trimStart();
    if (this.#isMarked && !isEnd && rest.length < closing.length && closing.startsWith(rest)) return false;
    if (this.#isMarked && rest.startsWith(closing)) this.#drop(this.#held.length - rest.length + closing.length);
    this.#isBare = !this.#isMarked;
    this.#state = "text";
    return true;
  }

  /** So much of what is held is text. */
  #release(length: number): void {
    if (length === 0) return;
    this.#isBare = false;
    this.#text += this.#held.slice(0, length);
    for (const token of this.#tokensBefore(length))
      this.#textTokens.push({ ...token, begin: token.begin - this.#dropped });
    this.#advance(length);
  }

  #drop(length: number): void {
    this.#tokensBefore(length);
    this.#dropped += length;
    this.#advance(length);
  }

  #advance(length: number): void {
    this.#held = this.#held.slice(length);
    this.#at += length;
  }

  /** Takes those that begin in the first so many characters that are held. */
  #tokensBefore(length: number): readonly TokenLogprobs[] {
    const end = this.#at + length;
    const count = this.#tokens.findIndex(({ begin }) => begin >= end);
    return this.#tokens.splice(0, count < 0 ? this.#tokens.length : count);
  }
}

/** A call that is there as a whole; undefined = it is none. */
function callIn(json: string): { readonly name: string; readonly arguments: string } | undefined {
  const call = parsed(json);
  const name = call?.["name"];
  const value = call?.["arguments"] ?? call?.["parameters"] ?? {};
  const written = typeof value === "string" ? value : JSON.stringify(value);
  return typeof name === "string" && parsed(written) !== undefined ? { name, arguments: written } : undefined;
}

/** A JSON object; undefined of anything else. */
function parsed(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** Length of the end of a text that may be the beginning of a call: blanks, and a part of the mark. */
function startOfMark(text: string): number {
  let length = Math.min(opening.length - 1, text.length);
  while (!text.endsWith(opening.slice(0, length))) length--;
  const before = text.slice(0, text.length - length);
  return length + before.length - before.trimEnd().length;
}
