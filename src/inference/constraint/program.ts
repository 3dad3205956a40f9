import type { Constraint, Expression } from "../../core/constraint.ts";
import { utf8Sequences } from "./utf8-ranges.ts";

/** Addresses are indices into the program's instructions. */
export type Instruction =
  /** Goes on when the next byte of the text is one of these. */
  | { readonly op: "byte"; readonly low: number; readonly high: number; readonly next: number }
  /** Goes on in each of several ways. */
  | { readonly op: "split"; readonly targets: readonly number[] }
  /** Goes on with a rule, and behind it at `next`. */
  | { readonly op: "call"; readonly rule: number; readonly next: number }
  /** Goes on with `body`, and behind it here again; or at `next` when it was often enough. */
  | {
      readonly op: "repeat";
      readonly body: number;
      readonly next: number;
      readonly least: number;
      readonly most: number;
    }
  /** The end of a rule, or of the body of a repetition. */
  | { readonly op: "return" };

/** A constraint over bytes, as instructions for a machine with a stack. */
export interface Program {
  readonly instructions: readonly Instruction[];
  /** Where each rule begins. */
  readonly rules: readonly number[];
}

const end = 0;

export function compileConstraint({ rules }: Constraint): Program {
  const assembler = new Assembler();
  return { rules: rules.map((rule) => assembler.add(rule, end)), instructions: assembler.instructions };
}

/** Writes what comes later in the text first: an instruction knows the address of the next. */
class Assembler {
  readonly instructions: Instruction[] = [{ op: "return" }];

  /** Returns where the expression begins that goes on at `next`. */
  add(expression: Expression, next: number): number {
    switch (expression.kind) {
      case "text":
        return Buffer.from(expression.text).reduceRight((at, byte) => this.#emit(byteOf(byte, byte, at)), next);
      case "character": {
        const sequences = expression.ranges.flatMap(utf8Sequences);
        const begin = (sequence: (typeof sequences)[number]) =>
          sequence.reduceRight((at, [low, high]) => this.#emit(byteOf(low, high, at)), next);
        return this.#split(sequences.map(begin));
      }
      case "sequence":
        return expression.parts.reduceRight((at, part) => this.add(part, at), next);
      case "choice":
        return this.#choice(expression.options, next);
      case "rule":
        return this.#emit({ op: "call", rule: expression.index, next });
      case "repeat":
    }
    return this.#repeat(expression, next);
  }

  /** Texts that begin alike are read together, as long as they do. */
  #choice(options: readonly Expression[], next: number): number {
    const texts = options.flatMap((option) => (option.kind === "text" ? [Buffer.from(option.text)] : []));
    const others = options.filter(({ kind }) => kind !== "text").map((option) => this.add(option, next));
    return this.#split(texts.length === 0 ? others : [this.#texts(texts, next), ...others]);
  }

  #texts(texts: readonly Buffer[], next: number): number {
    const [first, ...others] = texts;
    const shared = others.reduce((length, other) => sharedLength(first!, other, length), first!.length);
    const rests = new Map<number, Buffer[]>();
    for (const text of texts.filter(({ length }) => length > shared)) {
      const alike = rests.get(text[shared]!) ?? [];
      alike.push(text.subarray(shared));
      rests.set(text[shared]!, alike);
    }
    const ends = texts.some((text) => text.length === shared) ? [next] : [];
    const behind = this.#split([...ends, ...[...rests.values()].map((rest) => this.#texts(rest, next))]);
    return first!.subarray(0, shared).reduceRight((at, byte) => this.#emit(byteOf(byte, byte, at)), behind);
  }

  #repeat({ of, least, most = Infinity }: Extract<Expression, { kind: "repeat" }>, next: number): number {
    if (most === 0) return next;
    if (most === 1) return least === 1 ? this.add(of, next) : this.#split([this.add(of, next), next]);
    if (most < Infinity || least > 1) return this.#emit({ op: "repeat", body: this.add(of, end), next, least, most });
    const targets: number[] = [];
    const loop = this.#emit({ op: "split", targets });
    const body = this.add(of, loop);
    targets.push(body, next);
    return least === 1 ? body : loop;
  }

  #split(targets: readonly number[]): number {
    return targets.length === 1 ? targets[0]! : this.#emit({ op: "split", targets });
  }

  #emit(instruction: Instruction): number {
    return this.instructions.push(instruction) - 1;
  }
}

/** Bytes with which both begin, of the first `most`. */
function sharedLength(first: Buffer, other: Buffer, most: number): number {
  let length = 0;
  while (length < Math.min(most, other.length) && first[length] === other[length]) length++;
  return length;
}

function byteOf(low: number, high: number, next: number): Instruction {
  return { op: "byte", low, high, next };
}
