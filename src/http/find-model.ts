import { shorten } from "../api/shown-value.ts";
import { failure } from "../core/errors.ts";
import type { Models, ServedModel } from "../core/models.ts";

/** A model by its id; throws `model_not_found`. */
export function findModel({ served }: Models, id: string): ServedModel {
  const found = served.find(({ model }) => model.id === id);
  if (found !== undefined) return found;
  const available = served.map(({ model }) => model.id).join(", ");
  throw failure("model_not_found", { model: shorten(id, 100), available });
}

/** The model that a body names, before it is known whether the body is valid; the first one if it names none. */
export function modelMeant({ served }: Models, body: unknown): ServedModel | undefined {
  const named = typeof body === "object" && body !== null && "model" in body ? body.model : undefined;
  return (named ?? undefined) === undefined ? served[0] : served.find(({ model }) => model.id === named);
}
