import { Agent, request, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import { readChunk, refusalOf, type CountedTokens } from "./completion-chunk.ts";
import { EventParser } from "./event-parser.ts";

/** A model behind a server that speaks OpenAI's API. */
export interface Endpoint {
  /** Without `/v1`. */
  readonly url: string;
  readonly model: string;
  readonly apiKey?: string | undefined;
}

/** What came of one request. Times are those of `performance.now()`, in ms. */
export interface Exchange {
  readonly startedAt: number;
  /** When each chunk with text arrived. */
  readonly chunksAt: readonly number[];
  /** When its last token arrived, as far as can be seen: with the reason of the end, which may follow it. */
  readonly lastTokenAt: number;
  readonly text: string;
  readonly usage: CountedTokens | undefined;
  /** What went wrong, in words that are the same for the same kind. */
  readonly problem: string | undefined;
}

export interface CompletionCall {
  readonly path: "completions" | "chat/completions";
  /** Beside model and stream. */
  readonly fields: object;
  /** For the whole answer, in ms. */
  readonly timeoutMs: number;
}

const longestRefusal = 64 * 1024;

/** Sends requests over connections that it keeps, and times what comes back. Disposed, it gives up what still runs. */
export class CompletionClient implements Disposable {
  readonly #endpoint: Endpoint;
  readonly #agent: Agent;
  readonly #running = new Set<Answer>();
  #chunks = 0;
  #reconnects = 0;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#agent = new (endpoint.url.startsWith("https:") ? SecureAgent : Agent)({ keepAlive: true });
  }

  /** Chunks with text that have arrived so far. */
  get chunks(): number {
    return this.#chunks;
  }

  /** Requests that were sent again because their kept connection turned out to be closed before anything came back. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Resolves when the answer has ended, however it ended; never rejects. */
  complete({ path, fields, timeoutMs }: CompletionCall): Promise<Exchange> {
    const streaming = { stream: true, stream_options: { include_usage: true } };
    const body = Buffer.from(JSON.stringify({ model: this.#endpoint.model, ...fields, ...streaming }));
    return new Promise((resolve) => {
      const answer = new Answer(() => this.#chunks++);
      const end = (problem?: string) => {
        clearTimeout(timer);
        this.#running.delete(answer);
        resolve(answer.ended(problem));
      };
      const timer = setTimeout(() => answer.giveUp("timeout"), timeoutMs);
      this.#running.add(answer);
      this.#send({ path, body, answer, end }, this.#agent);
    });
  }

  [Symbol.dispose](): void {
    for (const answer of this.#running) answer.giveUp("interrupted");
    this.#agent.destroy();
  }

  #send(sending: Sending, agent: Agent | false): void {
    const { path, body, answer, end } = sending;
    const { url, apiKey } = this.#endpoint;
    const headers = {
      "content-type": "application/json",
      "content-length": body.length,
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    };
    const open = url.startsWith("https:") ? secureRequest : request;
    const outgoing = open(`${url}/v1/${path}`, { method: "POST", agent, headers });
    answer.comesBy(outgoing);
    outgoing.on("response", (response) => receive(response, sending));
    outgoing.on("error", (error) => {
      // A server may close a connection just when it is used again (RFC 9112, 9.3.1); it has not seen the request then.
      if (outgoing.reusedSocket && isReset(error) && !answer.begun) {
        this.#reconnects++;
        this.#send(sending, false);
      } else {
        end(inWords(error, answer));
      }
    });
    outgoing.end(body);
  }
}

interface Sending {
  readonly path: CompletionCall["path"];
  readonly body: Buffer;
  readonly answer: Answer;
  readonly end: (problem?: string) => void;
}

/** An error whose message is the words for its kind. */
class Problem extends Error {}

function receive(response: IncomingMessage, { answer, end }: Sending): void {
  const fail = (error: Error) => {
    end(inWords(error, answer));
    response.destroy();
  };
  answer.begun = true;
  response.setEncoding("utf8");
  response.on("error", fail);
  if (response.statusCode === 200) {
    response.on("data", (text: string) => {
      try {
        answer.push(text);
      } catch (error) {
        fail(error as Error);
      }
    });
    response.on("end", () => end(answer.complete ? undefined : "broken stream"));
    return;
  }
  let body = "";
  response.on("data", (text: string) => (body = (body + text).slice(0, longestRefusal)));
  response.on("end", () => end(refusalOf(response.statusCode!, body)));
}

/** An answer as it comes. */
class Answer {
  readonly #startedAt = performance.now();
  readonly #chunksAt: number[] = [];
  readonly #onChunk: () => void;
  readonly #parser = new EventParser((data) => this.#read(data));
  /** The server has begun to respond. */
  begun = false;
  #outgoing: ClientRequest | undefined;
  #now = 0;
  #lastTokenAt: number | undefined;
  #text = "";
  #usage: CountedTokens | undefined;
  #done = false;

  constructor(onChunk: () => void) {
    this.#onChunk = onChunk;
  }

  comesBy(outgoing: ClientRequest): void {
    this.#outgoing = outgoing;
  }

  giveUp(problem: string): void {
    this.#outgoing?.destroy(new Problem(problem));
  }

  /** Its last token has arrived; a server need not say `[DONE]` too. */
  get complete(): boolean {
    return this.#done || this.#lastTokenAt !== undefined;
  }

  /** Throws if this is no part of an answer. */
  push(text: string): void {
    this.#now = performance.now();
    this.#parser.push(text);
  }

  ended(problem: string | undefined): Exchange {
    return {
      startedAt: this.#startedAt,
      chunksAt: this.#chunksAt,
      lastTokenAt: this.#lastTokenAt ?? this.#chunksAt.at(-1) ?? performance.now(),
      text: this.#text,
      usage: this.#usage,
      problem,
    };
  }

  #read(data: string): void {
    if (data === "[DONE]") {
      this.#done = true;
      return;
    }
    const chunk = chunkOf(data);
    if (chunk.error !== undefined) throw new Problem(`error in stream ${chunk.error}`.trim());
    if (chunk.text !== "") {
      this.#chunksAt.push(this.#now);
      this.#onChunk();
      this.#text += chunk.text;
    }
    if (chunk.finished) this.#lastTokenAt = this.#now;
    this.#usage = chunk.usage ?? this.#usage;
  }
}

function chunkOf(data: string) {
  try {
    return readChunk(data);
  } catch {
    throw new Problem("broken stream");
  }
}

function isReset(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ECONNRESET" || code === "EPIPE";
}

function inWords(error: Error, { begun }: Answer): string {
  if (error instanceof Problem) return error.message;
  if (begun) return "broken stream";
  if (isReset(error)) return "connection reset";
  const { code } = error as NodeJS.ErrnoException;
  return code === "ECONNREFUSED" ? "connection refused" : (code ?? error.message.slice(0, 80));
}
