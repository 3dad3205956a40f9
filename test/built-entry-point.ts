import { fileURLToPath } from "node:url";

/**
 * In place of src/host/entry-point.ts where tests start engine processes (vitest.config.ts): those of the built program. From
 * sources each would first have to be translated, which takes a second.
 */
export function entryArguments(name: string): string[] {
  return [fileURLToPath(new URL(`../dist/bundle/${name}.js`, import.meta.url))];
}
