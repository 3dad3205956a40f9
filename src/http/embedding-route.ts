import { setImmediate } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { embeddingPieces } from "../api/openai/embedding-answer.ts";
import { parseEmbedding } from "../api/openai/embedding-request.ts";
import type { Models } from "../core/models.ts";
import { addRoute } from "./add-route.ts";
import { findModel } from "./find-model.ts";
import { fixedOf } from "./request-facts.ts";
import { failureOf, type RequestScopes } from "./request-scopes.ts";
import type { CurrentSettings } from "./server-settings.ts";

/** Characters that are written at once: a millisecond's. */
const charactersOfTurn = 65_536;

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
        void reply.type("application/json; charset=utf-8");
        return await inTurns(embeddingPieces(embeddings, { model: asked.model, encoding }));
      } catch (thrown) {
        throw failureOf(thrown, signal);
      }
    },
  });
}

/** The pieces as one; between them others get their turn. */
async function inTurns(pieces: Iterable<string>): Promise<Buffer> {
  const written: Buffer[] = [];
  let pending = "";
  for (const piece of pieces) {
    pending += piece;
    if (pending.length < charactersOfTurn) continue;
    written.push(Buffer.from(pending));
    pending = "";
    await setImmediate();
  }
  return Buffer.concat([...written, Buffer.from(pending)]);
}
