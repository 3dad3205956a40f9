/**
 * Finds the request that kills engines. When an engine process dies by its own doing, those that ran in it are suspects:
 * in the next process they run one at a time, each until it has survived, and nobody else runs meanwhile. Whoever kills
 * an engine alone is convicted. So a poison request costs two deaths, and nobody is convicted for another's. Pure.
 */
export class Quarantine {
  /** In the order of their trials. */
  readonly #suspects = new Set<string>();
  #onTrial: string | undefined;

  /** Runs alone now. */
  get onTrial(): string | undefined {
    return this.#onTrial;
  }

  /** Everybody may run. */
  get isOver(): boolean {
    return this.#onTrial === undefined && this.#suspects.size === 0;
  }

  /** Begins the next trial, unless one is going on; returns whose it is, if there is one to begin. */
  next(): string | undefined {
    if (this.#onTrial !== undefined) return undefined;
    const [first] = this.#suspects;
    if (first === undefined) return undefined;
    this.#suspects.delete(first);
    this.#onTrial = first;
    return first;
  }

  /** It has survived, or has ended or left: either way it is no suspect any more. */
  release(id: string): void {
    this.#suspects.delete(id);
    if (this.#onTrial === id) this.#onTrial = undefined;
  }

  /**
   * The engine died while these ran. `byItself`: not because somebody outside killed it, which says nothing about
   * requests. Returns who is convicted.
   */
  died(ran: readonly string[], byItself: boolean): string | undefined {
    const onTrial = this.#onTrial;
    this.#onTrial = undefined;
    if (onTrial !== undefined && byItself) return onTrial; // the others that ran were paused
    if (onTrial !== undefined) this.#suspects.add(onTrial);
    else if (byItself) for (const id of ran) this.#suspects.add(id);
    return undefined;
  }
}
