import type { FastifyInstance } from "fastify";
import { openApiDocument } from "../api/openapi/document.ts";
import { addRoute } from "./add-route.ts";

/** The API as a document. Open, as the page that shows it: it tells nothing of this server. */
export function addOpenApiRoute(server: FastifyInstance): void {
  let document: object | undefined;
  addRoute(server, {
    method: "GET",
    url: "/openapi.json",
    open: true,
    handler: (_request, reply) => reply.send((document ??= openApiDocument())),
  });
}
