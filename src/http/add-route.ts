import type { FastifyInstance, RouteHandlerMethod } from "fastify";
import { failure } from "../core/errors.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Needs no key, and is no event for the log: nothing of the model is asked. */
    open?: boolean;
    /** Only for keys that may use /admin; without keys, only for this machine. */
    admin?: boolean;
  }
}

interface Route {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly open?: boolean;
  readonly admin?: boolean;
  readonly handler: RouteHandlerMethod;
}

/** Adds a route, and for the other methods of its path the answer 405 with `Allow`. */
export function addRoute(server: FastifyInstance, { open = false, admin = false, ...route }: Route): void {
  const allowed = route.method === "GET" ? ["GET", "HEAD"] : [route.method];
  server.route({ ...route, config: { open, admin } });
  server.route({
    method: server.supportedMethods.filter((method) => !allowed.includes(method)),
    url: route.url,
    config: { open, admin },
    onRequest: (request, reply, done) => {
      void reply.header("allow", allowed.join(", "));
      const path = request.url.split("?")[0]!;
      done(failure("method_not_allowed", { method: request.method, path, allowed: allowed.join(", ") }));
    },
    handler: () => {},
  });
}
