import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";

/** Characters that are written without waiting for the end of the tick. */
const flushAt = 16_384;

/** A comment, which clients skip. */
const ping = ": ping\n\n";

interface Patience {
  /** The response times out when its client has read nothing for so long; 0 = never. */
  readonly slowMs: number;
  /** After so long without an event a comment is sent, so that nobody between takes the connection for dead; 0 = never. */
  readonly pingMs: number;
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
  readonly #patience: Patience;
  #pingTimer: NodeJS.Timeout | undefined;
  readonly #flush = (): void => {
    this.#flushComing = false;
    if (this.#raw.destroyed || this.#raw.writableEnded) return;
    const events = this.#pending;
    this.#pending = "";
    if (events === "") this.#raw.flushHeaders();
    else this.#full = !this.#raw.write(events);
    if (this.#full) this.#raw.setTimeout(this.#patience.slowMs);
  };

  constructor(reply: FastifyReply, patience: Patience) {
    reply.hijack();
    this.#raw = reply.raw;
    this.#patience = patience;
    this.#raw.on("drain", () => {
      this.#full = false;
      this.#raw.setTimeout(0);
      this.#wake();
    });
    this.#raw.once("close", () => {
      clearInterval(this.#pingTimer);
      this.#wake();
    });
    this.#raw.writeHead(200, {
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no", // nginx would collect events
    });
    this.#flushSoon(); // the head
    if (patience.pingMs > 0) this.#pingTimer = setInterval(() => this.#ping(), patience.pingMs);
  }

  write(events: string): void {
    if (events === "") return; // to a reader of nothing it is as silent as without
    this.#pingTimer?.refresh();
    this.#pending += events;
    if (this.#pending.length >= flushAt) this.#flush();
    this.#flushSoon();
  }

  #flushSoon(): void {
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
    clearInterval(this.#pingTimer);
    const rest = this.#pending + events;
    this.#pending = "";
    this.#raw.setTimeout(this.#patience.slowMs);
    this.#raw.end(rest);
  }

  /** Not when the client has not read what is there: it would be more of that. */
  #ping(): void {
    if (!this.#full) this.write(ping);
  }
}
