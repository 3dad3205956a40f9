import type { FastifyInstance } from "fastify";
import { formatModel, formatModels } from "../api/openai/models.ts";
import type { Models } from "../core/models.ts";
import { addRoute } from "./add-route.ts";
import { findModel } from "./find-model.ts";

export function addModelRoutes(server: FastifyInstance, models: Models): void {
  addRoute(server, {
    method: "GET",
    url: "/v1/models",
    handler: (_request, reply) => reply.send(formatModels(models.served.map(({ model }) => model))),
  });
  addRoute(server, {
    method: "GET",
    url: "/v1/models/*", // an id may hold slashes, encoded or not
    handler: (request, reply) => {
      const { "*": id } = request.params as { "*": string };
      return reply.send(formatModel(findModel(models, id).model));
    },
  });
}
