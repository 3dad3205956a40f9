import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";

/** Characters that are written without waiting for the end of the tick. */
const flushAt = 16_384;

interface SlowClient {
  /** A client that does not read for so long is slow; 0 = none is. */
  readonly slowMs: number;
  readonly onSlow: () => void;
}

/**
 * A response of server-sent events; making it sends the head. What is written in one tick goes out as one chunk: a
 * chunk costs more than the events in it.
 */
export class SseResponse {
  readonly #raw: ServerResponse;
  #pending = "";
  #flushComing = false;
  #full = false;
  #wake: () => void = () => {};
  readonly #slow: SlowClient;
  #slowTimer: NodeJS.Timeout | undefined;
  readonly #flush = (): void => {
    this.#flushComing = false;
    if (this.#raw.destroyed || this.#raw.writableEnded) return;
    const events = this.#pending;
    this.#pending = "";
    if (events === "") this.#raw.flushHeaders();
    else this.#full = !this.#raw.write(events);
    if (this.#full) this.#awaitReader();
  };

  constructor(reply: FastifyReply, slow: SlowClient) {
    reply.hijack();
    this.#raw = reply.raw;
    this.#slow = slow;
    this.#raw.on("drain", () => {
      this.#full = false;
      this.#readerIsBack();
      this.#wake();
    });
    for (const end of ["finish", "close"]) this.#raw.once(end, () => this.#readerIsBack());
    this.#raw.once("close", () => this.#wake());
    this.#raw.writeHead(200, {
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no", // nginx would collect events
    });
    this.write("");
  }

  write(events: string): void {
    this.#pending += events;
    if (this.#pending.length >= flushAt) this.#flush();
    if (this.#flushComing) return;
    this.#flushComing = true;
    setImmediate(this.#flush);
  }

  /** The client does not read as fast as we write: wait for `drained` before making more. */
  get full(): boolean {
    return this.#full;
  }

  /** Resolves when the client has caught up, or has left. */
  async drained(): Promise<void> {
    while (this.#full && !this.#raw.destroyed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  end(events = ""): void {
    const rest = this.#pending + events;
    this.#pending = "";
    this.#raw.end(rest);
    if (this.#raw.writableLength > 0) this.#awaitReader();
  }

  #awaitReader(): void {
    const { slowMs, onSlow } = this.#slow;
    if (slowMs > 0 && !this.#raw.destroyed) this.#slowTimer ??= setTimeout(onSlow, slowMs);
  }

  #readerIsBack(): void {
    clearTimeout(this.#slowTimer);
    this.#slowTimer = undefined;
  }
}
