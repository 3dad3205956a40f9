import type { FastifyInstance } from "fastify";
import { formatError } from "../api/openai/error-body.ts";
import type { BackendStatus } from "../core/backend.ts";
import { addRoute } from "./add-route.ts";
import type { Backends } from "./find-backend.ts";

/** 200 when every model can serve; else 503 with what the first one that cannot is doing. */
export function addHealthRoute(server: FastifyInstance, backends: Backends): void {
  addRoute(server, {
    method: "GET",
    url: "/health",
    open: true, // load balancers and containers ask it
    handler: (_request, reply) => {
      for (const backend of backends) {
        const status = backend.status();
        if (status.state !== "ready" && status.state !== "unloaded")
          return reply.code(503).header("retry-after", "1").send(toBody(status));
      }
      return reply.send({ status: "ok" });
    },
  });
}

function toBody(status: Exclude<BackendStatus, { state: "ready" | "unloaded" }>): object {
  return status.state === "loading"
    ? { status: "loading", progress: Math.round(status.progress * 100) / 100 }
    : { status: status.state, ...formatError(status.error) };
}
