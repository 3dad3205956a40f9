import type { Duplex } from "node:stream";
import { ProtocolError } from "./message-schemas.ts";

/** Longest message: a body of some megabytes, escaped, or the token ids of a very long prompt. */
const maxLineBytes = 64 * 2 ** 20;
const newline = 0x0a;

/** Cuts a stream of bytes into lines. A line's bytes are copied once, however many chunks it came in. */
export class LineSplitter {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #held = 0;

  constructor(maxBytes: number = maxLineBytes) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that this chunk completes, without their newlines. Throws a ProtocolError when one grows too long. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      this.#keep(chunk.subarray(from, end));
      lines.push(this.rest());
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  /** Takes what came after the last newline. */
  rest(): string {
    const line = Buffer.concat(this.#chunks, this.#held).toString("utf8");
    this.#chunks = [];
    this.#held = 0;
    return line;
  }

  #keep(part: Buffer): void {
    this.#held += part.length;
    if (this.#held > this.#maxBytes) throw new ProtocolError(`a message is longer than ${this.#maxBytes} bytes`);
    if (part.length > 0) this.#chunks.push(part);
  }
}

export interface ChannelHandlers<In> {
  /** Untrusted JSON → a message, or a ProtocolError. */
  readonly parse: (value: unknown) => In;
  readonly onMessage: (message: In) => void;
  /** Called once: the other side is gone (no error), or what it sent is not to be trusted. Nothing is delivered after it. */
  readonly onEnd: (error: Error | undefined) => void;
}

/** Messages over a byte stream: JSON, one per line. What is sent in one turn of the event loop is one write. */
export class Channel<In, Out> {
  readonly #stream: Duplex;
  readonly #handlers: ChannelHandlers<In>;
  readonly #splitter = new LineSplitter();
  #outgoing = "";
  #ended = false;

  constructor(stream: Duplex, handlers: ChannelHandlers<In>) {
    this.#stream = stream;
    this.#handlers = handlers;
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("error", (error) => this.#end(error));
    stream.on("end", () => this.#end(undefined));
    stream.on("close", () => this.#end(undefined));
  }

  /** After the end it does nothing: whoever sends learns of the end by `onEnd`. */
  send(message: Out): void {
    if (this.#ended) return;
    if (this.#outgoing === "") queueMicrotask(() => this.#flush());
    this.#outgoing += `${JSON.stringify(message)}\n`;
  }

  close(): void {
    this.#flush();
    this.#ended = true;
    this.#stream.destroy();
  }

  #flush(): void {
    if (this.#outgoing !== "" && !this.#ended) this.#stream.write(this.#outgoing);
    this.#outgoing = "";
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      for (const line of this.#splitter.push(chunk)) this.#handlers.onMessage(this.#handlers.parse(fromJson(line)));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#end(error);
    }
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handlers.onEnd(error);
    this.#stream.destroy();
  }
}

function fromJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new ProtocolError(`a message is not JSON: ${line.slice(0, 80)}`);
  }
}
