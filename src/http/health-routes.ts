import type { FastifyInstance, FastifyReply } from "fastify";
import { formatError } from "../api/openai/error-body.ts";
import type { BackendStatus } from "../core/backend.ts";
import { failure } from "../core/errors.ts";
import type { Models } from "../core/models.ts";
import { addRoute } from "./add-route.ts";

export interface Health {
  readonly models: Models;
  /** The server is about to end and takes no new requests. */
  readonly isDraining: () => boolean;
}

type Hindrance = Exclude<BackendStatus, { state: "ready" | "unloaded" }>;

/**
 * `/livez`: the process answers. `/readyz` and `/healthz`: it can serve, else 503 with every reason. `/health`: the same in
 * llama-server's words, with the first reason.
 */
export function addHealthRoutes(server: FastifyInstance, health: Health): void {
  const routes: Readonly<Record<string, (reply: FastifyReply) => FastifyReply>> = {
    "/livez": (reply) => reply.send({ status: "ok" }),
    "/readyz": (reply) => sendReadiness(reply, health),
    "/healthz": (reply) => sendReadiness(reply, health),
    "/health": (reply) => sendHealth(reply, health),
  };
  // Open: load balancers and containers ask them.
  for (const [url, answer] of Object.entries(routes))
    addRoute(server, { method: "GET", url, open: true, handler: (_request, reply) => answer(reply) });
}

function sendReadiness(reply: FastifyReply, { models, isDraining }: Health): FastifyReply {
  const reasons = hindrances(models).map(({ id, status }) => ({ model: id, ...reasonOf(status) }));
  const all = isDraining() ? [{ state: "draining" }, ...reasons] : reasons;
  return all.length === 0 ? reply.send({ status: "ready" }) : unavailable(reply, { status: "not_ready", reasons: all });
}

function sendHealth(reply: FastifyReply, { models, isDraining }: Health): FastifyReply {
  if (isDraining()) return unavailable(reply, { status: "draining", ...formatError(shuttingDown.toBody()) });
  const [first] = hindrances(models);
  return first === undefined ? reply.send({ status: "ok" }) : unavailable(reply, healthOf(first.status));
}

const shuttingDown = failure("shutting_down", undefined);

function unavailable(reply: FastifyReply, body: object): FastifyReply {
  return reply.code(503).header("retry-after", "1").send(body);
}

/** What is loaded on demand is no reason: requests wait for it. */
function hindrances({ served }: Models): { id: string; status: Hindrance }[] {
  return served.flatMap((one) => {
    const status = one.status();
    const hinders = !one.onDemand && status.state !== "ready" && status.state !== "unloaded";
    return hinders ? [{ id: one.model.id, status }] : [];
  });
}

function reasonOf(status: Hindrance): object {
  return status.state === "loading"
    ? { state: status.state, progress: toHundredth(status.progress) }
    : { state: status.state, code: status.error.code, message: status.error.message };
}

function healthOf(status: Hindrance): object {
  return status.state === "loading"
    ? { status: status.state, progress: toHundredth(status.progress) }
    : { status: status.state, ...formatError(status.error) };
}

const toHundredth = (fraction: number) => Math.round(fraction * 100) / 100;
