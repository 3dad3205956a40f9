import { keyedUniform } from "../inference/keyed-random.ts";

/** How requests come by the clock, whether or not others were answered. */
export interface ArrivalProcess {
  /** Per second, on average. */
  readonly rate: number;
  /**
   * Shape of the gamma distribution of the gaps, as vLLM's `--burstiness`: 1 = Poisson, below it bursts, above it more
   * regular. The coefficient of variation of the gaps is 1/sqrt(burstiness).
   */
  readonly burstiness: number;
  /** Unsigned 32 bits: the same seed gives the same arrivals. */
  readonly seed: number;
}

/** When each request comes, in ms after the start, without end. */
export function* arrivalTimes({ rate, burstiness, seed }: ArrivalProcess): Generator<number, never> {
  const scale = 1000 / (rate * burstiness);
  for (let index = 0, at = 0; ; index++) {
    yield at;
    at += scale * gammaDraw(burstiness, drawsOf(seed, index));
  }
}

type Draw = () => number;

/** Uniform draws of one gap, none of them 0. The workload's draws have other keys: see `workload.ts`. */
function drawsOf(seed: number, index: number): Draw {
  let position = 0;
  return () => 1 - keyedUniform(~seed, index, position++);
}

/**
 * Gamma distribution of scale 1: Marsaglia and Tsang, "A simple method for generating gamma variables" (ACM TOMS 26,
 * 2000), with their step for shapes below 1. Shape 1 is the exponential distribution, which is easier.
 */
function gammaDraw(shape: number, uniform: Draw): number {
  if (shape === 1) return -Math.log(uniform());
  if (shape < 1) return gammaDraw(shape + 1, uniform) * uniform() ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normalDraw(uniform);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(uniform()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Box and Muller, "A note on the generation of random normal deviates" (1958). */
function normalDraw(uniform: Draw): number {
  return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
