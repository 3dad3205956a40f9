import { failure } from "../../core/errors.ts";
import type { Instruction, Program } from "./program.ts";

/** More ways to read one text than any sensible grammar has, or than can be followed at each byte. */
const mostThreads = 10_000;
/** Of what is remembered, about: a state has a place for each byte, and so many of each of the others. */
const mostBytes = 32 * 2 ** 20;
const bytesPerState = 2300;
const bytesPerThread = 200;
const bytesPerFrame = 150;

/** Places in a program that may still be visited: a thousand take some 0.4 ms. */
export interface Work {
  left: number;
}

/** Where to go on after a `return`; hash-consed, so that equal stacks are one object. */
interface Frame {
  readonly id: number;
  readonly address: number;
  /** Of a repetition: which time it is. */
  readonly count: number;
  readonly below: Frame | undefined;
}

/** One way to read the text so far: it waits at a `byte` instruction. */
interface Thread {
  readonly address: number;
  readonly stack: Frame | undefined;
}

/** All ways to read a text so far. The same ways are the same state, as long as it is remembered. */
export interface State {
  readonly threads: readonly Thread[];
  /** The text may end here. */
  readonly accepts: boolean;
  readonly key: string;
  /** By byte: undefined = was not asked yet, null = no text goes on so. */
  readonly successors: (State | null | undefined)[];
}

/**
 * Runs a program over bytes, in all ways at once. States and their successors are made when they are first asked for and
 * remembered: a text that was seen before costs a look-up per byte, as in a DFA, though the stacks make states infinitely
 * many. Throws `constraint_failed` where there are too many ways to read a text.
 */
export class Automaton {
  readonly #instructions: readonly Instruction[];
  readonly #rules: readonly number[];
  readonly #states = new Map<string, State>();
  readonly #frames = new Map<string, Frame>();
  #frameIds = 0;
  #bytes = 0;
  #work: Work = { left: Infinity };
  readonly start: State;

  constructor({ instructions, rules }: Program) {
    this.#instructions = instructions;
    this.#rules = rules;
    this.start = this.#stateOf([{ address: rules[0]!, stack: undefined }]);
  }

  /** What follows is taken from this, and fails where there is nothing left of it. */
  workWith(work: Work): void {
    this.#work = work;
  }

  /** About what it remembers takes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The state behind one more byte; null = no text goes on so. */
  after(state: State, byte: number): State | null {
    const known = state.successors[byte];
    if (known !== undefined) return known;
    const begins: Thread[] = [];
    let [from, to] = [0, 255]; // the bytes that lead to the same
    for (const { address, stack } of state.threads) {
      const { low, high, next } = this.#byteAt(address);
      if (byte < low) to = Math.min(to, low - 1);
      else if (byte > high) from = Math.max(from, high + 1);
      else {
        [from, to] = [Math.max(from, low), Math.min(to, high)];
        begins.push({ address: next, stack });
      }
    }
    const successor = begins.length === 0 ? null : this.#stateOf(begins);
    const found = successor !== null && isDead(successor) ? null : successor;
    state.successors.fill(found, from, to + 1);
    return found;
  }

  /** The one byte that every text has next; undefined if there are several, or the text may end. */
  onlyByte({ threads, accepts }: State): number | undefined {
    const [first] = threads;
    if (accepts || first === undefined) return undefined;
    const { low } = this.#byteAt(first.address);
    const isOnly = threads.every(({ address }) => {
      const range = this.#byteAt(address);
      return range.low === low && range.high === low;
    });
    return isOnly ? low : undefined;
  }

  /**
   * A name that two states share if no text of up to `reach` bytes tells them apart: counts that it cannot bring to an end are
   * left out. Undefined where nothing is counted: then only the same state is the same.
   */
  horizon({ threads, accepts }: State, reach: number): string | undefined {
    let counts = false;
    const names = threads.map(({ address, stack }) => {
      let name = `${address}`;
      for (let frame = stack; frame !== undefined; frame = frame.below) {
        name += `,${frame.address}`;
        const instruction = this.#instructions[frame.address]!;
        if (instruction.op !== "repeat") continue;
        counts = true;
        const { least, most } = instruction;
        name += `x${Math.min(Math.max(0, least - frame.count), reach)}-${Math.min(most - frame.count, reach)}`;
      }
      return name;
    });
    return counts ? `${accepts}:${names.join(";")}` : undefined;
  }

  #byteAt(address: number): Extract<Instruction, { op: "byte" }> {
    return this.#instructions[address] as Extract<Instruction, { op: "byte" }>;
  }

  #stateOf(begins: readonly Thread[]): State {
    const { threads, accepts } = this.#follow(begins);
    const key = `${accepts}:${[...threads.keys()].toSorted().join()}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    this.#bytes += bytesPerState + threads.size * bytesPerThread;
    if (this.#bytes > mostBytes) this.#forget();
    const successors = Array.from({ length: 256 }, () => undefined);
    const state = { threads: [...threads.values()], accepts, key, successors };
    this.#states.set(key, state);
    return state;
  }

  /** Goes on from here to wherever a byte is next, or the text may end. */
  #follow(begins: readonly Thread[]): { threads: ReadonlyMap<string, Thread>; accepts: boolean } {
    const threads = new Map<string, Thread>();
    const seen = new Set<string>();
    const work = begins.map((thread) => ({ ...thread, count: 0 }));
    let accepts = false;
    for (let thread = work.pop(); thread !== undefined; thread = work.pop()) {
      const { address, stack, count } = thread;
      const key = `${address}.${stack?.id ?? 0}`;
      const visit = count === 0 ? key : `${key}.${count}`;
      if (seen.has(visit)) continue;
      seen.add(visit);
      if (seen.size > mostThreads || --this.#work.left < 0)
        throw failure("constraint_failed", { problem: "one text can be read in too many ways" });
      const instruction = this.#instructions[address]!;
      switch (instruction.op) {
        case "byte":
          threads.set(key, { address, stack });
          break;
        case "split":
          for (const target of instruction.targets) work.push({ address: target, stack, count: 0 });
          break;
        case "call":
          work.push({ address: this.#rules[instruction.rule]!, stack: this.#push(instruction.next, stack), count: 0 });
          break;
        case "repeat": {
          const { body, next, least, most } = instruction;
          if (count >= least) work.push({ address: next, stack, count: 0 });
          const times = most === Infinity ? Math.min(count + 1, least) : count + 1;
          if (count < most) work.push({ address: body, stack: this.#push(address, stack, times), count: 0 });
          break;
        }
        case "return":
          if (stack === undefined) accepts = true;
          else work.push({ address: stack.address, stack: stack.below, count: stack.count });
      }
    }
    return { threads, accepts };
  }

  /** A call that is the last of its rule leaves nothing to come back to: what repeats by calling itself needs no stack. */
  #push(address: number, below: Frame | undefined, count = 0): Frame | undefined {
    if (this.#instructions[address]!.op === "return") return below;
    const key = `${address}.${count}.${below?.id ?? 0}`;
    let frame = this.#frames.get(key);
    if (frame !== undefined) return frame;
    this.#bytes += bytesPerFrame;
    this.#frames.set(key, (frame = { id: ++this.#frameIds, address, count, below }));
    return frame;
  }

  /** States that are in use stay what they are, and find their successors anew. Frame ids are never used again. */
  #forget(): void {
    for (const { successors } of this.#states.values()) successors.fill(undefined);
    this.#states.clear();
    this.#frames.clear();
    this.#bytes = 0;
  }
}

/** No byte leads on: a rule that never ends well. */
function isDead({ threads, accepts }: State): boolean {
  return threads.length === 0 && !accepts;
}
