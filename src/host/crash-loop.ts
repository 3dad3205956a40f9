/** What a process of the engine achieved, from its start to its end. */
export interface EngineLife {
  /** How long it was ready, in ms; 0 = it never was. */
  readonly readyMs: number;
  /** Tokens that it generated, but for trials. */
  readonly tokens: number;
  /** Its end has told which request kills engines: that one will not do it again. */
  readonly taught: boolean;
  /** Nobody killed it from outside. */
  readonly byItself: boolean;
}

export interface NextAttempt {
  /** Ms until the engine is started again. */
  readonly delayMs: number;
  /** Too many died in a row: nobody is to wait for this attempt. */
  readonly open: boolean;
}

const healthyMs = 60_000;
const healthyTokens = 32;
/** Of one that was killed from outside: the next one is none the worse for that, and streams get on from life to life. */
const tokensBeforeKill = 1;
const deathsToOpen = 5;
const coolDownMs = 30_000;
const longestCoolDownMs = 300_000;

/**
 * How long to wait before an engine that died is started again, and when to stop promising anything: a circuit breaker.
 * A life that was worth something ends the row of deaths. In a row, the waits are 0, 0.5 s, 1 s, 2 s; the fifth death
 * opens the circuit, and then one attempt is made every 30 s, 60 s ... 5 min until one is worth something.
 */
export class CrashLoop {
  #deaths = 0;

  died({ readyMs, tokens, taught, byItself }: EngineLife): NextAttempt {
    const enough = byItself ? healthyTokens : tokensBeforeKill;
    if (readyMs >= healthyMs || tokens >= enough || taught) this.#deaths = 0;
    const before = this.#deaths++;
    if (this.#deaths < deathsToOpen) return { delayMs: before === 0 ? 0 : 250 * 2 ** before, open: false };
    const delayMs = Math.min(coolDownMs * 2 ** (this.#deaths - deathsToOpen), longestCoolDownMs);
    return { delayMs, open: true };
  }

  /** In a row. */
  get deaths(): number {
    return this.#deaths;
  }
}
