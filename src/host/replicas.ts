import type { BackendStatus } from "../core/backend.ts";
import type { Scheduling } from "../core/scheduling.ts";
import type { EngineInfo } from "../engine/engine.ts";
import type { EngineHost } from "./engine-host.ts";
import type { Lease } from "./leased-stream.ts";

/** What runs the requests of one model while it is in memory. Closing it ends its processes. */
export interface Engines extends AsyncDisposable {
  /** Resolves when all of them have loaded the model. Rejects with the MillraceError that prevents it. */
  ready(): Promise<void>;
  status(): BackendStatus;
  /** Of the processes that live. */
  readonly pids: readonly number[];
  readonly info: EngineInfo | undefined;
  /** Who is served when, from now on: see `EngineHost`. */
  reschedule(scheduling: Scheduling): void;
  /** A place on the engine that has the fewest requests. */
  lease(): Lease;
}

interface Replica {
  readonly host: EngineHost;
  running: number;
}

/** The same model several times, each in a process of its own. */
export class Replicas implements Engines {
  readonly #replicas: readonly Replica[];

  /** At least one host; they belong to it from now on. */
  constructor(hosts: readonly EngineHost[]) {
    this.#replicas = hosts.map((host) => ({ host, running: 0 }));
  }

  async ready(): Promise<void> {
    await Promise.all(this.#replicas.map(({ host }) => host.ready()));
  }

  get pids(): readonly number[] {
    return this.#replicas.flatMap(({ host }) => host.pid ?? []);
  }

  get info(): EngineInfo | undefined {
    return this.#replicas[0]!.host.info;
  }

  /** As long as one is ready, they are: it gets the requests. While they load, how far they are on average. */
  status(): BackendStatus {
    const all = this.#replicas.map(({ host }) => host.status());
    const best = all.find(({ state }) => state === "ready") ?? all.find(({ state }) => state !== "loading");
    if (best !== undefined) return best;
    const progress = all.reduce((sum, one) => sum + (one.state === "loading" ? one.progress : 0), 0) / all.length;
    return { state: "loading", progress };
  }

  reschedule(scheduling: Scheduling): void {
    for (const { host } of this.#replicas) host.reschedule(scheduling);
  }

  lease(): Lease {
    const replica = this.#replicas.reduce((best, one) => (rank(one) < rank(best) ? one : best));
    replica.running++;
    return { backend: replica.host, release: () => void replica.running-- };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#replicas.map(({ host }) => host[Symbol.asyncDispose]()));
  }
}

/** One that is being started again comes after all that work. */
function rank({ host, running }: Replica): number {
  return running + (host.status().state === "ready" ? 0 : 2 ** 32);
}
