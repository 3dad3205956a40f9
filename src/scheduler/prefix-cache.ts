import type { Capabilities, SavedSequence } from "../engine/engine.ts";
import { free, ParkingLot } from "./parking.ts";
import { PrefixTree } from "./prefix-tree.ts";
import type { Sequence } from "./sequence.ts";

/** Where the KV of a prefix is. */
type Place =
  | { readonly kind: "running"; readonly slot: number; readonly sequence: Sequence }
  /** In a slot in which nothing runs. */
  | { readonly kind: "resting"; readonly slot: number }
  /** In host memory. */
  | { readonly kind: "parked"; readonly saved: SavedSequence };

/** How a prefix was used: a sequence that starts and goes on from it is a use. Times are counted in sequences that start. */
interface Use {
  readonly count: number;
  /** When it was used last, or came. */
  readonly last: number;
  /** From one use to the next, the latest counting half. */
  readonly wait: number;
}

/** `tokens[0 .. length)`, whose KV is in memory; of one that runs as much as its sequence has computed. */
export interface Prefix {
  readonly tenant: string;
  readonly tokens: Int32Array;
  readonly length: number;
  /** So much of it is for all tenants. */
  readonly sharedLength: number;
  place: Place;
  use: Use;
  /** Of a resting one: it was saved already, or there was no room. */
  backedUp: boolean;
  /** Of a parked one: the ms of computing it again that a byte of it saves. */
  msPerByte: number;
}

/** What a sequence can go on from. */
export interface Reuse {
  readonly source: Prefix | undefined;
  /** Tokens of the source that it takes; 0 without one. */
  readonly length: number;
  /** A running sequence is about to compute more of it than that: `length` tokens in all. */
  readonly coming: { readonly sequence: Sequence; readonly length: number } | undefined;
}

const nothing: Reuse = { source: undefined, length: 0, coming: undefined };

/** Fewer tokens are computed faster than they are moved and kept account of. */
const leastReuse = 16;
/** The end of a prefix that nothing else covers is kept if it has so many tokens. */
export const leastKept = 32;
/**
 * The first use is expected after so many times of what it usually takes: many a prefix is never used. With 1, what comes
 * once drives out what is used now and then; with more, what was used once stays for too long.
 */
const untried = 2;
/** Sequences until a first use, before any was seen. */
const usualWaitAtFirst = 16;

/** Items that a search looks at: of many prefixes with the same beginning one is as good as another. */
const mostLooks = 64;

interface SearchTerms {
  /** Tokens that may be reused. */
  readonly most: number;
  readonly near: readonly number[];
}

export interface CacheOptions {
  readonly capabilities: Pick<Capabilities, "trimAfterRestore">;
  /** Host memory for parked prefixes, in bytes. */
  readonly budget: number;
  /** Off: nothing is found, nothing is kept. */
  readonly enabled: boolean;
}

/**
 * All prefixes whose KV is in memory, found by their tokens. Tenants cannot find each other's, except within what is
 * listed as shared. It knows and decides; `apply-move.ts` does what touches the engine.
 */
export class PrefixCache {
  readonly parking: ParkingLot;
  readonly enabled: boolean;
  /** Only the whole of a saved or moved prefix can be continued, not a part of it. */
  readonly exactOnly: boolean;
  /** Not given up whatever its worth: it is about to be used. */
  pinned: Prefix | undefined;
  readonly #trees = new Map<string, PrefixTree<Prefix>>();
  readonly #shared = new PrefixTree<Prefix>();
  readonly #parked = new Set<Prefix>();
  /** Sequences that have started. */
  #started = 0;
  /** How many of them it takes, on average, until a prefix is used for the first time. */
  #usualWait = usualWaitAtFirst;

  constructor({ capabilities, budget, enabled }: CacheOptions) {
    this.enabled = enabled;
    this.exactOnly = !capabilities.trimAfterRestore;
    this.parking = new ParkingLot(enabled ? budget : 0);
  }

  get parked(): ReadonlySet<Prefix> {
    return this.#parked;
  }

  /** Puts in what a slot holds; `park` moves it to host memory. */
  add(fields: Omit<Prefix, "use" | "backedUp" | "msPerByte">): Prefix {
    const use = { count: 0, last: this.#started, wait: 0 };
    const prefix: Prefix = { ...fields, use, backedUp: false, msPerByte: 0 };
    if (this.enabled) this.#index(prefix);
    return prefix;
  }

  /** The first `length` tokens of a sequence. */
  addOf({ tenant, tokens, sharedLength }: Sequence, length: number, place: Place): Prefix {
    return this.add({ tenant: tenant.name, tokens, length, sharedLength, place });
  }

  /** Forgets it. The memory that it was in is then free: the slot by whoever removes it, a parking place here. */
  remove(prefix: Prefix): void {
    if (this.enabled) this.#unindex(prefix);
    if (prefix.place.kind === "parked") this.parking.release(prefix.place.saved);
    this.#parked.delete(prefix);
  }

  /**
   * The longest prefix of `sequence` that is there, and the longer one that is being computed. At least one token is left
   * to compute. Of equally long ones one in the slots `near`: what is in the right slot already need not be moved.
   */
  find(sequence: Sequence, near: readonly number[] = []): Reuse {
    if (!this.enabled) return nothing;
    const { tokens, tenant, sharedLength } = sequence;
    const most = Math.min(sequence.length - 1, sequence.unscored);
    const own = this.#search(this.#trees.get(tenant.name), tokens, { most, near });
    const shared = Math.min(sharedLength, most);
    if (shared < leastReuse) return own;
    return longer(own, this.#search(this.#shared, tokens, { most: shared, near }));
  }

  /** Exactly these tokens are held somewhere without being computed further. */
  holds(sequence: Sequence, length: number): boolean {
    const tree = this.#trees.get(sequence.tenant.name);
    if (tree === undefined) return false;
    for (const match of tree.matches(sequence.tokens, length)) {
      if (match.length < length) return false;
      if (match.item.length === length && match.item.place.kind !== "running") return true;
    }
    return false;
  }

  /** A sequence starts, and goes on from `source`. */
  started(source: Prefix | undefined): void {
    this.#started++;
    if (source === undefined) return;
    const { count, last, wait } = source.use;
    const gap = this.#started - last;
    if (count === 0) this.#usualWait += (gap - this.#usualWait) / 16;
    source.use = { count: count + 1, last: this.#started, wait: count === 0 ? gap : (wait + gap) / 2 };
  }

  /** It will be used next, or soon. */
  expect(prefix: Prefix): void {
    prefix.use = { count: prefix.use.count + 1, last: this.#started, wait: 1 };
  }

  /** Tokens at its end that nothing else in memory covers. */
  uniqueTokens(prefix: Prefix): number {
    if (!this.enabled) return 0;
    return prefix.length - this.#treeOf(prefix.tenant).sharedLength(prefix);
  }

  /** Makes room in host memory for `prefix`, by giving up what is worth least. False = it cannot be. `recomputeMs`: its own. */
  makeRoom(prefix: Prefix, bytes: number, recomputeMs: number): boolean {
    prefix.msPerByte = recomputeMs / Math.max(1, bytes);
    if (bytes > this.parking.budget) return false;
    while (!this.parking.fits(bytes)) if (!this.#giveUpLeast()) return false;
    return true;
  }

  /** Books that the prefix, until now in a slot, was saved. False = it is larger than was thought, and there is no more room. */
  park(prefix: Prefix, saved: SavedSequence): boolean {
    while (!this.parking.add(saved)) {
      if (saved.bytes.buffer.byteLength <= this.parking.budget && this.#giveUpLeast()) continue;
      free(saved);
      return false;
    }
    prefix.place = { kind: "parked", saved };
    this.#parked.add(prefix);
    if (!this.exactOnly) this.#dropCovered(prefix);
    return true;
  }

  /** Parked beginnings of it are of no use beside it. */
  #dropCovered(prefix: Prefix): void {
    const covered = [...this.#parked].filter(
      (other) => other !== prefix && other !== this.pinned && other.tenant === prefix.tenant && isPrefix(other, prefix),
    );
    for (const other of covered) {
      if (other.use.count > prefix.use.count) prefix.use = other.use;
      this.remove(other);
    }
  }

  /** Throws unless exactly these, which are in slots, and the parked ones can be found. Visits all of it: for tests. */
  check(inSlots: readonly Prefix[]): void {
    this.#shared.check();
    let found = 0;
    for (const tree of this.#trees.values()) {
      tree.check();
      found += tree.size;
    }
    const known = this.enabled ? inSlots.length + this.#parked.size : 0;
    if (found !== known) throw new Error(`${found} prefixes can be found of ${known}`);
    const shared = [...inSlots, ...this.#parked].filter(
      ({ sharedLength, length }) => Math.min(sharedLength, length) > 0,
    );
    if (this.enabled && this.#shared.size !== shared.length)
      throw new Error(`${this.#shared.size} shared prefixes can be found of ${shared.length}`);
  }

  #search(tree: PrefixTree<Prefix> | undefined, tokens: Int32Array, { most, near }: SearchTerms): Reuse {
    let best: Reuse = nothing;
    let looks = 0;
    for (const { item, length } of tree?.matches(tokens, most) ?? []) {
      if (length < leastReuse || length < best.length || ++looks > mostLooks) break;
      const usable = this.#usable(item, length);
      const isBetter =
        usable > best.length || (usable === best.length && restsIn(near, item) && !restsIn(near, best.source));
      if (isBetter && usable >= leastReuse) best = { ...best, source: item, length: usable };
      const coming = this.#coming(item, length);
      if (item.place.kind === "running" && coming > (best.coming?.length ?? 0))
        best = { ...best, coming: { sequence: item.place.sequence, length: coming } };
    }
    return best.coming !== undefined && best.coming.length <= best.length ? { ...best, coming: undefined } : best;
  }

  /** Tokens of a prefix that agrees in `length` tokens which can be continued now. */
  #usable({ place, length: whole }: Prefix, length: number): number {
    if (this.exactOnly) return place.kind === "running" || whole > length ? 0 : whole;
    return place.kind === "running" ? Math.min(length, place.sequence.computed) : length;
  }

  /** Tokens that will be usable when the sequence that computes them is there. */
  #coming({ place }: Prefix, length: number): number {
    if (place.kind !== "running") return 0;
    const { computed, boundaries } = place.sequence;
    const end = this.exactOnly ? (boundaries.findLast((boundary) => boundary <= length) ?? 0) : length;
    return end > computed ? end : 0;
  }

  #giveUpLeast(): boolean {
    let least: { readonly prefix: Prefix; readonly worth: number } | undefined;
    for (const prefix of this.#parked) {
      const worth = this.#worth(prefix);
      if (prefix !== this.pinned && (least === undefined || worth < least.worth)) least = { prefix, worth };
    }
    if (least !== undefined) this.remove(least.prefix);
    return least !== undefined;
  }

  /**
   * Ms of computing that a byte saves per sequence that starts: what it costs to compute again, which only what nothing
   * else covers counts for, by the time in which its next use is expected. That is after the usual time between its uses,
   * or else after as long as it was not used: what was once popular is worth less from day to day.
   */
  #worth({ use, msPerByte }: Prefix): number {
    const wait = use.count === 0 ? untried * this.#usualWait : use.wait;
    return msPerByte / (this.#started - use.last + wait);
  }

  #treeOf(tenant: string): PrefixTree<Prefix> {
    let tree = this.#trees.get(tenant);
    if (tree === undefined) this.#trees.set(tenant, (tree = new PrefixTree()));
    return tree;
  }

  #index(prefix: Prefix): void {
    this.#treeOf(prefix.tenant).insert(prefix, prefix.tokens, prefix.length);
    const shared = Math.min(prefix.sharedLength, prefix.length);
    if (shared > 0) this.#shared.insert(prefix, prefix.tokens, shared);
  }

  #unindex(prefix: Prefix): void {
    const tree = this.#treeOf(prefix.tenant);
    tree.remove(prefix);
    if (tree.size === 0) this.#trees.delete(prefix.tenant);
    this.#shared.remove(prefix);
  }
}

/** The better of two: what can be had now counts before what is coming. */
function longer(a: Reuse, b: Reuse): Reuse {
  const best = b.length > a.length ? b : a;
  const other = best === a ? b : a;
  const coming = (other.coming?.length ?? 0) > (best.coming?.length ?? 0) ? other.coming : best.coming;
  return { ...best, coming: coming !== undefined && coming.length > best.length ? coming : undefined };
}

function isPrefix(a: Prefix, b: Prefix): boolean {
  if (a.length > b.length) return false;
  for (let i = 0; i < a.length; i++) if (a.tokens[i] !== b.tokens[i]) return false;
  return true;
}

function restsIn(slots: readonly number[], prefix: Prefix | undefined): boolean {
  return prefix?.place.kind === "resting" && slots.includes(prefix.place.slot);
}
