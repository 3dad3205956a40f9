import fastify, { type FastifyInstance } from "fastify";
import type { ApiKey } from "../config/api-keys.ts";
import { failure } from "../core/errors.ts";
import type { RequestDefaults } from "../core/generation.ts";
import { newId } from "../core/ids.ts";
import type { Logger } from "../telemetry/log.ts";
import { identify } from "./auth.ts";
import { allowOrigins } from "./cors.ts";
import { answerClientError } from "./client-error.ts";
import { sendFailure, toFailure } from "./error-response.ts";
import type { Backends } from "./find-backend.ts";
import { addGenerationRoutes } from "./generation-routes.ts";
import { addHealthRoute } from "./health-route.ts";
import { readJsonBodies } from "./json-body.ts";
import { addModelRoutes } from "./model-routes.ts";
import { refuseForeignPages } from "./foreign-pages.ts";
import { addPageRoutes, type PageFile } from "./page-routes.ts";
import { logRequests } from "./request-log.ts";
import { RequestScopes } from "./request-scopes.ts";
import { cutOffSlowReaders } from "./slow-readers.ts";

export interface ServerOptions {
  readonly backends: Backends;
  readonly logger: Logger;
  /** Keys of which a request must bring one; empty = open to all. */
  readonly apiKeys: readonly ApiKey[];
  /** Seconds that a request may take that does not say; 0 = any time. */
  readonly requestTimeout: number;
  /** Seconds after which a client is cut off that does not read its answer; 0 = never. */
  readonly slowClientTimeout: number;
  /** Seconds without an event after which a stream gets a comment; 0 = never. */
  readonly ssePingInterval: number;
  /** Address it will listen on. */
  readonly host: string;
  /** Origins whose web pages may use it; "*" = all. */
  readonly corsOrigins: readonly string[];
  /** For requests that leave them out. */
  readonly defaults: RequestDefaults;
  /** The chat page at `/`. */
  readonly page: readonly PageFile[];
  /** Largest body in bytes. */
  readonly bodyLimit: number;
  /** How long `close()` lets running requests go on before it ends them with `shutting_down`, in ms. */
  readonly drainMs: number;
}

/** Longer than usual clients and proxies keep theirs: else a request meets a connection that is being closed. */
const keepAliveTimeout = 75_000;
/** For a request to arrive completely, in ms. */
const arrivalTimeout = 300_000;

/** The HTTP server, not yet listening. Its `close()` takes no more requests, drains, and ends every connection. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const { backends, logger, apiKeys, bodyLimit, drainMs } = options;
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
  cutOffSlowReaders(server, options.slowClientTimeout);
  const scopes = new RequestScopes(server, drainMs);
  allowOrigins(server, options.corsOrigins);
  if (apiKeys.length === 0) refuseForeignPages(server, options);
  identify(server, apiKeys);
  readJsonBodies(server);
  server.setErrorHandler((thrown, request, reply) => {
    request.record.error = toFailure(thrown, request);
    sendFailure(request.record.error, reply);
  });
  server.setNotFoundHandler(({ method, url }) => {
    throw failure("route_not_found", { method, path: url.split("?")[0]! });
  });
  addHealthRoute(server, backends);
  addPageRoutes(server, options.page);
  addModelRoutes(server, backends);
  addGenerationRoutes(server, { ...options, scopes });
  return server;
}
