import { shorten } from "../api/openai/check-body.ts";
import type { Backend } from "../core/backend.ts";
import { failure } from "../core/errors.ts";

/** The served models, at least one; the first answers requests that name none. */
export type Backends = readonly [Backend, ...Backend[]];

/** The backend of a model by its id; throws `model_not_found`. */
export function findBackend(backends: Backends, model: string): Backend {
  const found = backends.find((backend) => backend.model.id === model);
  if (found !== undefined) return found;
  const available = backends.map((backend) => backend.model.id).join(", ");
  throw failure("model_not_found", { model: shorten(model, 100), available });
}
