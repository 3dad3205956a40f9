import type { FastifyInstance, RouteHandlerMethod } from "fastify";
import { failure } from "../core/errors.ts";

interface Route {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly handler: RouteHandlerMethod;
}

/** Adds a route, and for the other methods of its path the answer 405 with `Allow`. */
export function addRoute(server: FastifyInstance, route: Route): void {
  const allowed = route.method === "GET" ? ["GET", "HEAD"] : [route.method];
  server.route(route);
  server.route({
    method: server.supportedMethods.filter((method) => !allowed.includes(method)),
    url: route.url,
    onRequest: (request, reply, done) => {
      void reply.header("allow", allowed.join(", "));
      const path = request.url.split("?")[0]!;
      done(failure("method_not_allowed", { method: request.method, path, allowed: allowed.join(", ") }));
    },
    handler: () => {},
  });
}
