import { fileURLToPath } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Processes and workers begin in files of this folder: as JavaScript in the built program, as TypeScript in tests and in
 * development, where tsx has to be loaded first. This file's own extension tells which it is.
 */
const fromSources = import.meta.url.endsWith(".ts");

function entry(name: string): URL {
  return new URL(`./${name}${fromSources ? ".ts" : ".js"}`, import.meta.url);
}

/** Arguments for node to run the file `name` of this folder as a process. */
export function entryArguments(name: string): string[] {
  const loader = fromSources ? ["--import", import.meta.resolve("tsx")] : [];
  return [...loader, fileURLToPath(entry(name))];
}

/** Runs the file `name` of this folder as a worker. */
export function startWorker(name: string, options: WorkerOptions): Worker {
  const url = entry(name);
  if (!fromSources) return new Worker(url, options);
  // In Node 20 a worker's own file is looked up before `--import` has had its say.
  const api = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const code = `import(${api}).then(({ register }) => { register(); return import(${JSON.stringify(url.href)}); })`;
  return new Worker(code, { ...options, eval: true, execArgv: [] });
}
