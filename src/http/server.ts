import fastify, { type FastifyInstance } from "fastify";
import { failure } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Models } from "../core/models.ts";
import type { Reloaded } from "../config/live-config.ts";
import type { Logger } from "../telemetry/log.ts";
import { addAdminModelRoutes } from "./admin-model-routes.ts";
import { identify } from "./auth.ts";
import { allowOrigins } from "./cors.ts";
import { answerClientError } from "./client-error.ts";
import { addEmbeddingRoute } from "./embedding-route.ts";
import { EndlessStreams } from "./endless-streams.ts";
import { sendFailure, toFailure } from "./error-response.ts";
import { addGenerationRoutes } from "./generation-routes.ts";
import { addHealthRoutes } from "./health-routes.ts";
import { readJsonBodies } from "./json-body.ts";
import { addModelRoutes } from "./model-routes.ts";
import { refuseForeignPages } from "./foreign-pages.ts";
import { addOpenApiRoute } from "./openapi-route.ts";
import { addPageRoutes, type PageFile } from "./page-routes.ts";
import { logRequests } from "./request-log.ts";
import { addReloadRoute } from "./reload-route.ts";
import { RequestScopes } from "./request-scopes.ts";
import type { CurrentSettings } from "./server-settings.ts";
import { cutOffSlowReaders } from "./slow-readers.ts";
import { addTextRoutes } from "./text-routes.ts";

export interface ServerOptions {
  readonly models: Models;
  readonly logger: Logger;
  readonly settings: CurrentSettings;
  /** Reads the configuration again; throws when nothing has changed because something is wrong. */
  readonly reload: () => Promise<Reloaded>;
  /** Address it will listen on. */
  readonly host: string;
  /** The chat page at `/`. */
  readonly page: readonly PageFile[];
  /** Largest body in bytes. */
  readonly bodyLimit: number;
  /** Called when `close()` had to end requests that outlasted the drain time: how many. */
  readonly onCutOff: (requests: number) => void;
}

/** Longer than usual clients and proxies keep theirs: else a request meets a connection that is being closed. */
const keepAliveTimeout = 75_000;
/** For a request to arrive completely, in ms. */
const arrivalTimeout = 300_000;

/** The HTTP server, not yet listening. Its `close()` takes no more requests, drains, and ends every connection. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const { models, logger, settings, bodyLimit, onCutOff } = options;
  const server = fastify({
    logger: false,
    genReqId: () => newId("req"),
    bodyLimit,
    keepAliveTimeout,
    requestTimeout: arrivalTimeout,
    return503OnClosing: false, // `RequestScopes` does, in the API's shape
    forceCloseConnections: "idle",
    clientErrorHandler: answerClientError,
    // A path that cannot be decoded; hooks do not run for it.
    frameworkErrors: (_error, { id, method, url: path }, reply) =>
      sendFailure(failure("route_not_found", { method, path }), reply.header("x-request-id", id)),
  });
  server.addHook("onRequest", (request, reply, done) => {
    void reply.header("x-request-id", request.id);
    done();
  });
  logRequests(server, logger);
  cutOffSlowReaders(server, settings);
  const streams = new EndlessStreams(server);
  const scopes = new RequestScopes(server, { drainTimeout: () => settings().drainTimeout, logger, onCutOff });
  allowOrigins(server, settings);
  refuseForeignPages(server, options);
  identify(server, settings);
  refuseUnknownRoutes(server);
  readJsonBodies(server);
  server.setErrorHandler((thrown, request, reply) => {
    request.record.error = toFailure(thrown, request);
    sendFailure(request.record.error, reply);
  });
  addHealthRoutes(server, { models, isDraining: () => scopes.draining });
  addPageRoutes(server, options.page);
  addOpenApiRoute(server);
  addModelRoutes(server, models);
  addReloadRoute(server, options.reload);
  addAdminModelRoutes(server, { models, settings, streams });
  addGenerationRoutes(server, { ...options, scopes });
  addEmbeddingRoute(server, { ...options, scopes });
  addTextRoutes(server, { models, scopes });
  return server;
}

/** Before their bodies are read, which nobody would look at. */
function refuseUnknownRoutes(server: FastifyInstance): void {
  server.addHook("onRequest", ({ is404, method, url }, _reply, done) => {
    done(is404 ? failure("route_not_found", { method, path: url.split("?")[0]! }) : undefined);
  });
}
