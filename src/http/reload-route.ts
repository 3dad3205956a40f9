import type { FastifyInstance } from "fastify";
import type { Reloaded } from "../config/live-config.ts";
import { addRoute } from "./add-route.ts";

/** Reads the configuration again, and tells what has changed; 400 with the reason when nothing could. */
export function addReloadRoute(server: FastifyInstance, reload: () => Promise<Reloaded>): void {
  addRoute(server, {
    method: "POST",
    url: "/admin/reload",
    admin: true,
    handler: async (_request, reply) => {
      const { applied, needRestart } = await reload();
      return reply.send({ status: "reloaded", applied, needs_restart: needRestart });
    },
  });
}
