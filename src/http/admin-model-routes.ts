import type { FastifyInstance } from "fastify";
import { formatReport, formatReports } from "../api/admin/model-report.ts";
import { sseEvent } from "../api/openai/answer.ts";
import { failure } from "../core/errors.ts";
import type { ModelReport, Models } from "../core/models.ts";
import { addRoute } from "./add-route.ts";
import type { EndlessStreams } from "./endless-streams.ts";
import { findModel } from "./find-model.ts";
import type { CurrentSettings } from "./server-settings.ts";
import { SseResponse } from "./sse-response.ts";

interface AdminOptions {
  readonly models: Models;
  readonly settings: CurrentSettings;
  readonly streams: EndlessStreams;
}

/** What an operator sees of the models, and does to them. */
export function addAdminModelRoutes(server: FastifyInstance, options: AdminOptions): void {
  const { models } = options;
  addRoute(server, {
    method: "GET",
    url: "/admin/models",
    admin: true,
    handler: (_request, reply) => reply.send(formatReports(models.reports())),
  });
  addRoute(server, {
    method: "POST",
    url: "/admin/models/*", // an id may hold slashes, encoded or not
    admin: true,
    handler: (request, reply) => {
      const { "*": path } = request.params as { "*": string };
      const [, id, action] = /^(.+)\/(load|unload)$/s.exec(path) ?? [];
      if (id === undefined) throw failure("route_not_found", { method: "POST", path: request.url.split("?")[0]! });
      const { model } = findModel(models, id);
      const report = action === "load" ? models.load(model.id) : models.unload(model.id);
      const isDone = report.state === "ready" || report.state === "unloaded";
      return reply.code(isDone ? 200 : 202).send(formatReport(report));
    },
  });
  addEventRoute(server, options);
}

/** Each model once, and then each change of one, until the client leaves or the server ends. */
function addEventRoute(server: FastifyInstance, { models, settings, streams }: AdminOptions): void {
  addRoute(server, {
    method: "GET",
    url: "/admin/models/events",
    admin: true,
    handler: (_request, reply) => {
      const { slowClientTimeout, ssePingInterval } = settings();
      const response = new SseResponse(reply, { slowMs: 1000 * slowClientTimeout, pingMs: 1000 * ssePingInterval });
      const tell = (report: ModelReport) => response.write(sseEvent(JSON.stringify(formatReport(report))));
      models.reports().forEach(tell);
      const ends = [models.watch(tell), streams.add(response)];
      reply.raw.once("close", () => ends.forEach((end) => end()));
    },
  });
}
