/** An engine keeps its share for so long after its last work, in ms: the next request often comes at once. */
const lingerMs = 100;

/** What one engine may use of the cores. */
export interface CpuShare {
  /**
   * It can use up to `threads` threads; 0 = it has nothing to do. Whoever has to give way is told before this returns,
   * so that what is sent to the engine afterwards finds the cores free, or nearly.
   */
  want(threads: number): void;
}

interface Engine {
  wanted: number;
  share: number;
  readonly onShare: (threads: number) => void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Divides the cores of this process among the engines that work: together they have no more threads than there are
 * cores. With more engines than cores each has one thread, and the kernel lets them take turns: one thread alone waits
 * at no barrier, so it loses nothing but its turn. There is no lock that a dead or stopped engine could hold: an engine
 * that never answers keeps its own share from the others and nothing more, until its supervisor ends it.
 */
export class CpuShares {
  readonly #cores: number;
  readonly #working = new Set<Engine>();

  constructor(cores: number) {
    this.#cores = cores;
  }

  /** `onShare` is called with each share that is not the one before, and whenever work begins. */
  join(onShare: (threads: number) => void): CpuShare {
    const engine: Engine = { wanted: 0, share: 0, onShare, timer: undefined };
    return { want: (threads) => this.#want(engine, threads) };
  }

  #want(engine: Engine, threads: number): void {
    clearTimeout(engine.timer);
    if (threads === 0) {
      engine.timer = setTimeout(() => this.#rest(engine), lingerMs).unref();
      return;
    }
    engine.wanted = threads;
    this.#working.add(engine);
    this.#divide(engine);
  }

  #rest(engine: Engine): void {
    engine.share = 0;
    this.#working.delete(engine);
    this.#divide();
  }

  /** Who gets less is told first. */
  #divide(asking?: Engine): void {
    const engines = [...this.#working];
    const shares = divide(
      this.#cores,
      engines.map(({ wanted }) => wanted),
    );
    const changes = engines.map((engine, i) => ({ engine, before: engine.share, share: shares[i]! }));
    for (const { engine, before, share } of changes.toSorted((a, b) => a.share - a.before - (b.share - b.before))) {
      engine.share = share;
      if (share !== before || engine === asking) engine.onShare(share);
    }
  }
}

/**
 * Threads of each that wants some: at least one, never more than wanted, together no more than `cores` as long as there
 * is a core for each, and as equal as that allows. The first ones get what cannot be divided.
 */
export function divide(cores: number, wanted: readonly number[]): number[] {
  const shares = wanted.map(() => 1);
  for (let left = cores - wanted.length; left > 0; left--) {
    const hungry = wanted.flatMap((threads, i) => (shares[i]! < threads ? [i] : []));
    if (hungry.length === 0) break;
    const poorest = hungry.reduce((a, b) => (shares[b]! < shares[a]! ? b : a));
    shares[poorest]!++;
  }
  return shares;
}
