import type { ModelReport } from "../core/models.ts";

type Watcher = (report: ModelReport) => void;

/** How often is looked for what happens without being told: progress, and engines that die. */
const lookMs = 250;

/** Whoever wants to know when models change: another state, another percent of its loading, another error. */
export class ModelWatchers {
  readonly #watchers = new Set<Watcher>();
  readonly #reports: () => readonly ModelReport[];
  readonly #told = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(reports: () => readonly ModelReport[]) {
    this.#reports = reports;
  }

  /** Returns what ends it. */
  add(watcher: Watcher): () => void {
    const own: Watcher = (report) => watcher(report); // one function may watch twice
    if (this.#watchers.size === 0) {
      this.#timer = setInterval(() => this.#reports().forEach((report) => this.tell(report)), lookMs).unref();
      for (const report of this.#reports()) this.#told.set(report.id, essence(report));
    }
    this.#watchers.add(own);
    return () => {
      this.#watchers.delete(own);
      if (this.#watchers.size === 0) clearInterval(this.#timer);
    };
  }

  /** Tells a report that is not what was told of this model before. */
  tell(report: ModelReport): void {
    if (this.#watchers.size === 0) return;
    const now = essence(report);
    if (this.#told.get(report.id) === now) return;
    this.#told.set(report.id, now);
    for (const watcher of this.#watchers) watcher(report);
  }
}

function essence({ state, loading, error }: ModelReport): string {
  return JSON.stringify([state, loading && Math.floor(100 * loading.progress), error?.code]);
}
