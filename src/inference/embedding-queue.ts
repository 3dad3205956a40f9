import type { EmbeddingRequest } from "../core/embedding.ts";
import { LaneAges } from "../scheduler/lane-ages.ts";
import { Shares } from "../scheduler/shares.ts";

/** A request whose inputs are tokens. */
export interface WaitingTexts {
  readonly request: EmbeddingRequest;
  /** Those that were not computed yet. */
  texts: readonly Int32Array[];
  /** Tokens of these. */
  tokens: number;
  /** Of these, how many may be computed before more are granted. */
  credit: number;
  /** On the loop's clock, in ms. */
  readonly arrived: number;
  /** When it must have ended, on the same clock; Infinity = never. */
  readonly deadline: number;
}

/** What of one request is computed in a call: its next texts. */
export interface CallPart {
  readonly waiting: WaitingTexts;
  readonly texts: readonly Int32Array[];
}

/** What goes into one call of the embedder. */
export interface CallLimits {
  readonly texts: number;
  readonly tokens: number;
}

/** Larger calls are not faster (decision 13), and the next request waits for their end. Only a longer text makes one. */
const usualTokens = 512;
/**
 * A request lets others pass that come up to so many times its own computing time after it, as in the policy `fair`: one
 * text need not wait for thousands, and those wait five times their own time at most.
 */
const patience = 4;

/**
 * The texts that wait for the embedder. First the most urgent lane, which for lack of service others become, then the
 * tenant that was served least for its weight, then whoever is short or old. Decides, and computes nothing.
 */
export class EmbeddingQueue {
  readonly #limits: CallLimits;
  readonly #waiting = new Map<string, WaitingTexts>();
  readonly #shares = new Shares();
  readonly #laneAges: LaneAges;

  constructor(limits: CallLimits, ageingMs: number) {
    this.#limits = limits;
    this.#laneAges = new LaneAges(ageingMs);
  }

  /** Requests. */
  get size(): number {
    return this.#waiting.size;
  }

  get tokens(): number {
    let sum = 0;
    for (const { tokens } of this.#waiting.values()) sum += tokens;
    return sum;
  }

  /** When the first of them is too late, on the loop's clock; Infinity = never. */
  get nextDeadline(): number {
    return Math.min(Infinity, ...[...this.#waiting.values()].map(({ deadline }) => deadline));
  }

  add(waiting: WaitingTexts): void {
    const { id, tenant } = waiting.request;
    if (!this.#has(tenant.name)) this.#shares.activate(tenant);
    this.#waiting.set(id, waiting);
  }

  /** One that is not here (any more) is left alone. */
  remove(id: string): void {
    const tenant = this.#waiting.get(id)?.request.tenant;
    this.#waiting.delete(id);
    if (tenant !== undefined && !this.#has(tenant.name)) this.#shares.deactivate(tenant);
  }

  /** So many more of its texts may be computed. */
  grant(id: string, texts: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) waiting.credit += texts;
  }

  /** Takes out those whose deadline has passed. */
  expire(now: number): WaitingTexts[] {
    const late = [...this.#waiting.values()].filter(({ deadline }) => deadline <= now);
    for (const { request } of late) this.remove(request.id);
    return late;
  }

  /** The next call; empty = nothing waits that may be computed. A text is in one call as a whole. `msPerToken`: how long computing takes. */
  plan(now: number, msPerToken: number): CallPart[] {
    const all = [...this.#waiting.values()].filter(({ credit }) => credit > 0);
    this.#laneAges.present(new Set(all.map(({ request }) => request.lane)), now);
    const rank = ({ request }: WaitingTexts) => this.#laneAges.rank(request.lane, now);
    const served = ({ request }: WaitingTexts) => this.#shares.served(request.tenant.name);
    const place = ({ arrived, tokens }: WaitingTexts) => arrived + patience * msPerToken * tokens;
    const ordered = all.toSorted((a, b) => rank(a) - rank(b) || served(a) - served(b) || place(a) - place(b));
    return fill(ordered, this.#limits);
  }

  /** A call was computed: its texts wait no more. */
  book(call: readonly CallPart[], now: number): void {
    for (const { waiting, texts } of call) {
      const { id, tenant, lane } = waiting.request;
      const tokens = tokensOf(texts);
      waiting.texts = waiting.texts.slice(texts.length);
      waiting.tokens -= tokens;
      waiting.credit -= texts.length;
      this.#shares.charge(tenant, { prefill: tokens, decode: 0 });
      this.#laneAges.served(lane, now);
      if (waiting.texts.length === 0) this.remove(id);
    }
  }

  #has(tenant: string): boolean {
    for (const { request } of this.#waiting.values()) if (request.tenant.name === tenant) return true;
    return false;
  }
}

/** As many texts of each as fit, the first request first. */
function fill(ordered: readonly WaitingTexts[], limits: CallLimits): CallPart[] {
  const call: CallPart[] = [];
  let room = limits.texts;
  let tokens = Math.min(limits.tokens, Math.max(usualTokens, ordered[0]?.texts[0]!.length ?? 0));
  for (const waiting of ordered) {
    const texts: Int32Array[] = [];
    for (const text of waiting.texts) {
      if (texts.length === waiting.credit || room === 0 || text.length > tokens) break;
      texts.push(text);
      room--;
      tokens -= text.length;
    }
    if (texts.length > 0) call.push({ waiting, texts });
  }
  return call;
}

export function tokensOf(texts: readonly Int32Array[]): number {
  return texts.reduce((sum, { length }) => sum + length, 0);
}
