import type { GenerationEvent, TokenLogprobs, ToolCallDelta } from "../../core/generation.ts";
import { JsonDepth } from "./json-depth.ts";
import { endOf } from "./logprobs.ts";

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
 * that was held back is lost, but for blanks, marks and brackets around calls, and further members of a call's object.
 */
export class CallSplitter {
  readonly #names: ReadonlySet<string>;
  /** `text`: outside; `object`: perhaps in a call; `arguments`: in those of a call; `tail`: behind them, or behind it. */
  #state: "text" | "object" | "arguments" | "tail" = "text";
  #held = "";
  /** Where `held` begins in the answer's text, in UTF-16 units; and how much of what lies before it was no text. */
  #at = 0;
  #dropped = 0;
  #calls = 0;
  /** A call can stand here without marks: nothing was said. */
  #isBare: boolean;
  /** The call that is read has marks. */
  #isMarked = false;
  /** So much stands before the object that is read, with its mark; it is no text if that is a call. */
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
        return this.#readArguments(isEnd);
      case "tail":
    }
    return this.#readTail(isEnd);
  }

  #readText(isEnd: boolean): boolean {
    const bare = this.#isBare ? this.#bareStart() : undefined;
    if (bare === "perhaps") {
      if (isEnd) this.#release(this.#held.length);
      return false;
    }
    if (bare !== undefined) return this.#begin(bare);
    const mark = this.#held.indexOf(opening);
    if (mark >= 0) {
      const before = this.#held.slice(0, mark).trimEnd();
      if (before !== "") this.#release(before.length);
      this.#isMarked = true;
      return this.#begin(mark - before.length + opening.length);
    }
    const blanksOnly = this.#held.trim() === "";
    if (isEnd && this.#calls > 0 && blanksOnly) this.#drop(this.#held.length);
    else this.#release(isEnd ? this.#held.length : textBeforeMark(this.#held));
    return false;
  }

  /** How many characters stand before an object that may be a call without marks; undefined = there is none. */
  #bareStart(): number | "perhaps" | undefined {
    const before = /^\s*(?:\[\s*)?/.exec(this.#held)![0].length;
    if (before === this.#held.length) return "perhaps";
    return this.#held[before] === "{" ? before : undefined;
  }

  /** An object may stand behind so many characters. */
  #begin(before: number): boolean {
    this.#state = "object";
    this.#before = before;
    return true;
  }

  #readObject(isEnd: boolean): boolean {
    const object = this.#held.slice(this.#before).trimStart();
    const begin = this.#held.length - object.length;
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
    // Without marks an object that only has a name may be an answer in JSON.
    const isCall = call !== undefined && this.#names.has(call.name) && (this.#isMarked || call.hasArguments);
    if (!isCall) return this.#isNoCall();
    this.#drop(begin + json.length);
    this.#say({ name: call.name, arguments: call.arguments });
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
    this.#release(this.#before);
    this.#toText();
    return true;
  }

  #toText(): void {
    this.#state = "text";
    this.#isBare = false;
    this.#isMarked = false;
  }

  #readArguments(isEnd: boolean): boolean {
    const sure = this.#held.length - (this.#isMarked && !isEnd ? overlap(this.#held, closing) : 0);
    const piece = this.#held.slice(0, sure);
    const length = this.#depth.until(piece, 1, this.#mark);
    const more = piece.slice(0, length);
    if (more !== "") this.#say({ arguments: more });
    this.#drop(more.length);
    if (length === undefined) return false;
    this.#calls++;
    this.#state = "tail";
    return true;
  }

  /** What ends the call that is read, whatever brackets are missing. */
  get #mark(): string | undefined {
    return this.#isMarked ? closing : undefined;
  }

  /** The rest of the object, and its closing mark, or another object. A model that forgets them has made a call all the same. */
  #readTail(isEnd: boolean): boolean {
    if (this.#depth.depth > 0) {
      if (!isEnd && /^\s*(?:,\s*)?$/.test(this.#held)) return false;
      if (/^\s*,\s*"/.test(this.#held)) {
        const length = new JsonDepth().until(this.#held, -1, this.#mark);
        if (length === undefined && !isEnd && this.#held.length <= mostHeld) return false;
        this.#drop(length ?? 0);
      }
      this.#depth = new JsonDepth();
    }
    this.#drop(/^(?:\s*[\]}])*/.exec(this.#held)![0].length);
    const between = /^[\s,;\]}]*/.exec(this.#held)![0].length;
    const rest = this.#held.slice(between);
    if (rest.startsWith("{")) return this.#begin(between);
    const isClosed = this.#isMarked && rest.startsWith(closing);
    const mayClose = rest === "" || (this.#isMarked && closing.startsWith(rest));
    if (mayClose && !isClosed && !isEnd) return false;
    if (isClosed) this.#drop(between + closing.length);
    else if (mayClose) this.#drop(this.#held.length);
    this.#toText();
    return true;
  }

  /** So much of what is held is text. */
  #release(length: number): void {
    if (length === 0) return;
    this.#isBare = false;
    this.#text += this.#held.slice(0, length);
    for (const token of this.#tokensBefore(length))
      this.#textTokens.push({ ...token, begin: Math.max(token.begin, this.#at) - this.#dropped });
    this.#advance(length);
  }

  #drop(length: number): void {
    const end = this.#at + length;
    this.#tokens.unshift(...this.#tokensBefore(length).filter((token) => endOf(token) > end));
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

interface WholeCall {
  readonly name: string;
  readonly arguments: string;
  /** They were written. */
  readonly hasArguments: boolean;
}

/** A call that is there as a whole; undefined = it is none. */
function callIn(json: string): WholeCall | undefined {
  const call = parsed(json);
  const name = call?.["name"];
  const given = call?.["arguments"] ?? call?.["parameters"];
  const value = given ?? {};
  const written = typeof value === "string" ? value : JSON.stringify(value);
  if (typeof name !== "string" || parsed(written) === undefined) return undefined;
  return { name, arguments: written, hasArguments: given !== undefined };
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

/** How much of a text is no beginning of a call: blanks, and a part of the mark. */
function textBeforeMark(text: string): number {
  return text.slice(0, text.length - overlap(text, opening)).trimEnd().length;
}

/** Length of the end of a text that the mark begins with, and may go on. */
function overlap(text: string, mark: string): number {
  let length = Math.min(mark.length - 1, text.length);
  while (!text.endsWith(mark.slice(0, length))) length--;
  return length;
}
