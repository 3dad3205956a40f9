import { setMaxListeners } from "node:events";
import type { Backend } from "../core/backend.ts";
import { systemClock } from "../core/clock.ts";
import type { ChoiceEvent, GenerationEvent, GenerationRequest, Prompt } from "../core/generation.ts";
import { MergedStreams } from "./merged-streams.ts";

/** What a client asks for at once. */
export interface Asked {
  readonly request: GenerationRequest;
  /** How many answers to it, at least one. */
  readonly choices: number;
}

type Place = Omit<ChoiceEvent, "event">;

/**
 * All answers that a client asked for, as one stream. The first answer's prompt is rendered; the others begin with its
 * tokens, so that they have the same prompt, and the scheduler computes it once. Nothing is said before all of them
 * were admitted: what is refused is refused whole. The end of one that fails is the end of all.
 */
export async function* generateChoices(
  backend: Pick<Backend, "generate">,
  { request, choices }: Asked,
  signal: AbortSignal,
): AsyncGenerator<ChoiceEvent, void> {
  const begun = systemClock.now();
  const scope = new AbortController();
  setMaxListeners(0, scope.signal); // each answer listens, and Node warns of more than ten
  const onAbort = (): void => scope.abort(signal.reason);
  const streams = new MergedStreams<Place, GenerationEvent>();
  const begin = (place: Place, over: Partial<GenerationRequest>): void =>
    streams.add(place, backend.generate({ ...request, ...over }, scope.signal));
  const beginOthers = (ids: readonly number[]): void => {
    const prompt: Prompt = { kind: "tokens", ids };
    const timeoutMs = timeLeft(request.timeoutMs, systemClock.now() - begun);
    for (let choice = 1; choice < choices; choice++)
      begin({ index: choice, choice }, { id: `${request.id}/${choice}`, choice, prompt, timeoutMs });
  };

  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  const held: ChoiceEvent[] = [];
  let notAdmitted = choices;
  try {
    begin({ index: 0, choice: 0 }, {});
    for (let said = await streams.next(); said !== undefined; said = await streams.next()) {
      const { key, item: event } = said;
      if (event.type === "admitted") {
        notAdmitted--;
        if (key.choice === 0) beginOthers(event.promptTokens);
      }
      held.push({ ...key, event });
      if (notAdmitted === 0) yield* held.splice(0);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (streams.close()) scope.abort();
  }
}

function timeLeft(timeoutMs: number | undefined, passed: number): number | undefined {
  return timeoutMs === undefined ? undefined : Math.max(1, timeoutMs - passed);
}
