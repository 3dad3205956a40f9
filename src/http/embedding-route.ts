import type { FastifyInstance } from "fastify";
import { formatEmbeddings } from "../api/openai/embedding-answer.ts";
import { parseEmbedding } from "../api/openai/embedding-request.ts";
import type { Models } from "../core/models.ts";
import { addRoute } from "./add-route.ts";
import { findModel } from "./find-model.ts";
import { fixedOf } from "./request-facts.ts";
import { failureOf, type RequestScopes } from "./request-scopes.ts";
import type { CurrentSettings } from "./server-settings.ts";

interface Serving {
  readonly models: Models;
  readonly scopes: RequestScopes;
  readonly settings: CurrentSettings;
}

export function addEmbeddingRoute(server: FastifyInstance, serving: Serving): void {
  addRoute(server, {
    method: "POST",
    url: "/v1/embeddings",
    handler: async (request, reply) => {
      const { request: asked, encoding } = parseEmbedding(request.body, fixedOf(request, serving));
      const model = findModel(serving.models, asked.model);
      const signal = serving.scopes.scopeFor(reply);
      try {
        const embeddings = await model.embed(asked, signal);
        request.record.promptTokens = embeddings.promptTokens;
        return formatEmbeddings(embeddings, { model: asked.model, encoding });
      } catch (thrown) {
        throw failureOf(thrown, signal);
      }
    },
  });
}
