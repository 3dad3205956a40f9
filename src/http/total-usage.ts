import type { ChoiceEvent, Usage } from "../core/generation.ts";

/** What all answers of a request have used: their tokens, and those of a prompt once, however many answers it has. */
export class TotalUsage {
  #promptTokens = 0;
  #completionTokens = 0;
  #finished = 0;
  /** Of each prompt, by the index of its first answer: what none of its answers had to compute. */
  readonly #cached = new Map<number, number>();

  note({ index, choice, event }: ChoiceEvent): void {
    if (event.type !== "finished") return;
    const { promptTokens, cachedTokens, completionTokens } = event.usage;
    const prompt = index - choice;
    this.#finished++;
    this.#completionTokens += completionTokens;
    if (choice === 0) this.#promptTokens += promptTokens;
    this.#cached.set(prompt, Math.min(this.#cached.get(prompt) ?? Infinity, cachedTokens));
  }

  /** How many answers have come to their end. */
  get finished(): number {
    return this.#finished;
  }

  get usage(): Usage {
    const cachedTokens = [...this.#cached.values()].reduce((sum, tokens) => sum + tokens, 0);
    return { promptTokens: this.#promptTokens, cachedTokens, completionTokens: this.#completionTokens };
  }
}
