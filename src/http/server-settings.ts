import type { ApiKey } from "../config/api-keys.ts";

/** What may change while the server runs. Who needs it asks anew for each request. */
export interface ServerSettings {
  /** Keys of which a request must bring one; empty = open to all. */
  readonly apiKeys: readonly ApiKey[];
  /** Origins whose web pages may use it; "*" = all. */
  readonly corsOrigins: readonly string[];
  /** Seconds that a request may take that does not say; 0 = any time. */
  readonly requestTimeout: number;
  /** Seconds after which a client is cut off that does not read its answer; 0 = never. */
  readonly slowClientTimeout: number;
  /** Seconds without an event after which a stream gets a comment; 0 = never. */
  readonly ssePingInterval: number;
  /** Seconds that `close()` lets requests go on before it ends them with `shutting_down`. */
  readonly drainTimeout: number;
}

export type CurrentSettings = () => ServerSettings;
