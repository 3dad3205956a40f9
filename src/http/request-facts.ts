import type { FastifyRequest } from "fastify";
import type { Fixed } from "../api/openai/common-fields.ts";
import { newSeed } from "../core/ids.ts";
import type { Models } from "../core/models.ts";
import { modelMeant } from "./find-model.ts";
import type { CurrentSettings } from "./server-settings.ts";

interface Server {
  readonly models: Models;
  readonly settings: CurrentSettings;
}

/** What is known of a request before its body is checked. */
export function fixedOf({ id, identity, headers, body }: FastifyRequest, { models, settings }: Server): Fixed {
  const { requestTimeout } = settings();
  const defaults = modelMeant(models, body)?.defaults ?? {};
  return {
    id,
    seed: defaults.seed ?? newSeed(),
    tenant: identity.tenant,
    lane: identity.lane,
    headers: { "x-priority": textOf(headers["x-priority"]), "x-request-timeout": textOf(headers["x-request-timeout"]) },
    defaultTimeoutMs: requestTimeout === 0 ? undefined : 1000 * requestTimeout,
    defaultModel: models.served[0].model.id,
    defaults,
  };
}

/** Of a header that is sent twice Node makes one text, which then is none of those accepted. */
const textOf = (header: string | string[] | undefined) => header?.toString();
