import type { FastifyInstance } from "fastify";
import { formatModel, formatModels } from "../api/openai/models.ts";
import { addRoute } from "./add-route.ts";
import { findBackend, type Backends } from "./find-backend.ts";

export function addModelRoutes(server: FastifyInstance, backends: Backends): void {
  addRoute(server, {
    method: "GET",
    url: "/v1/models",
    handler: (_request, reply) => reply.send(formatModels(backends.map((backend) => backend.model))),
  });
  addRoute(server, {
    method: "GET",
    url: "/v1/models/*", // an id may hold slashes, encoded or not
    handler: (request, reply) => {
      const { "*": id } = request.params as { "*": string };
      return reply.send(formatModel(findBackend(backends, id).model));
    },
  });
}
