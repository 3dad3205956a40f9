import { setMaxListeners } from "node:events";
import type { Backend } from "../core/backend.ts";
import { systemClock } from "../core/clock.ts";
import type { ChoiceEvent, GenerationEvent, GenerationRequest, Prompt } from "../core/generation.ts";
import { MergedStreams } from "./merged-streams.ts";

/** What a client asks for at once. */
interface Asked {
  readonly request: GenerationRequest;
  /** It is asked with each of these. */
  readonly prompts: readonly Prompt[];
  /** How many answers to each, at least one. */
  readonly choices: number;
}

type Place = Pick<ChoiceEvent, "index" | "choice">;

/**
 * All answers that a client asked for, as one stream. For its first answer a prompt is rendered; the others begin with
 * those tokens, so that they have the same prompt, and the scheduler computes it once. Nothing is said before all of them
 * were admitted: what is refused is refused whole. The end of one that fails is the end of all.
 */
export async function* generateChoices(
  backend: Pick<Backend, "generate">,
  { request, prompts, choices }: Asked,
  signal: AbortSignal,
): AsyncGenerator<ChoiceEvent, void> {
  const arrived = systemClock.now();
  const scope = new AbortController();
  setMaxListeners(0, scope.signal); // each answer listens, and Node warns of more than ten
  const onAbort = (): void => scope.abort(signal.reason);
  const streams = new MergedStreams<Place, GenerationEvent>();
  const begin = (place: Place, prompt: Prompt): void => {
    const { index } = place;
    const id = index === 0 ? request.id : `${request.id}/${index}`;
    // Drawn by its index, for prompts may be equal and are to have answers of their own.
    streams.add(place, backend.generate({ ...request, id, prompt, choice: index, arrived }, scope.signal));
  };
  const beginOthers = (first: number, ids: readonly number[]): void => {
    const prompt: Prompt = { kind: "tokens", ids };
    for (let choice = 1; choice < choices; choice++) begin({ index: first + choice, choice }, prompt);
  };

  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  const held: ChoiceEvent[] = [];
  let notAdmitted = prompts.length * choices;
  try {
    prompts.forEach((prompt, at) => begin({ index: at * choices, choice: 0 }, prompt));
    for (let said = await streams.next(); said !== undefined; said = await streams.next()) {
      const { key, item: event } = said;
      if (event.type === "admitted") {
        notAdmitted--;
        if (key.choice === 0) beginOthers(key.index, event.promptTokens);
      }
      held.push({ ...key, event });
      if (notAdmitted === 0) yield* held.splice(0);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (streams.close()) scope.abort();
  }
}
