import type { FastifyInstance } from "fastify";
import { parseApplyTemplate, parseDetokenize, parseTokenize, type ParsedQuestion } from "../api/plain/text-requests.ts";
import type { Models } from "../core/models.ts";
import { addRoute } from "./add-route.ts";
import { findModel } from "./find-model.ts";
import { failureOf, type RequestScopes } from "./request-scopes.ts";

interface TextRoute {
  readonly url: string;
  readonly parse: (body: unknown, defaultModel: string) => ParsedQuestion;
  /** The field of the answer. */
  readonly gives: string;
}

const textRoutes: readonly TextRoute[] = [
  { url: "/tokenize", parse: parseTokenize, gives: "tokens" },
  { url: "/detokenize", parse: parseDetokenize, gives: "content" },
  { url: "/apply-template", parse: parseApplyTemplate, gives: "prompt" },
];

interface TextOptions {
  readonly models: Models;
  readonly scopes: RequestScopes;
}

/** What a model makes of texts, tokens and conversations before it computes anything. */
export function addTextRoutes(server: FastifyInstance, { models, scopes }: TextOptions): void {
  for (const { url, parse, gives } of textRoutes)
    addRoute(server, {
      method: "POST",
      url,
      handler: async (request, reply) => {
        const { model, question } = parse(request.body, models.served[0].model.id);
        const signal = scopes.scopeFor(reply);
        try {
          const said = await findModel(models, model).ask(question, signal);
          return { [gives]: "tokens" in said ? said.tokens : said.text };
        } catch (thrown) {
          throw failureOf(thrown, signal);
        }
      },
    });
}
