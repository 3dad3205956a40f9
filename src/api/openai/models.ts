import type { ModelInfo } from "../../core/backend.ts";

/** A model as `GET /v1/models/{id}` answers; `context_length` is ours, null until the model is loaded. */
export function formatModel(model: ModelInfo) {
  return {
    id: model.id,
    object: "model",
    created: model.created,
    owned_by: "millrace",
    context_length: model.contextLength ?? null,
  };
}

export function formatModels(models: readonly ModelInfo[]) {
  return { object: "list", data: models.map(formatModel) };
}
