import { formatBytes } from "../../src/core/format-bytes.ts";
import { catalogue } from "../../src/model/catalogue.ts";
import type { CatalogueEntry, ModelSource } from "../../src/model/catalogue-entry.ts";
import { nameOfSource } from "../../src/model/locate.ts";
import { tableOf } from "./table.ts";

const uses: Readonly<Record<CatalogueEntry["task"], string>> = {
  chat: "chat",
  text: "continuing text",
  embed: "embeddings",
};

/** Entries that were pulled and run. */
export function modelTable(): string {
  return tableOf(
    ["name", "for", "weights", "format", "size", "licence", "sources, in order", "sha256"],
    catalogue
      .filter(({ verified }) => verified)
      .map((entry) => [...facts(entry), sourcesOf(entry), `\`${sumOf(entry.sources[0])}\``]),
  );
}

/** Entries that nobody could pull where the catalogue was written. */
export function referenceTable(): string {
  return tableOf(
    ["name", "for", "weights", "format", "size, about", "licence", "reference"],
    catalogue.filter(({ verified }) => !verified).map((entry) => [...facts(entry), sourcesOf(entry)]),
  );
}

export function recommendationTable(): string {
  return tableOf(
    ["name", "context", "KV cache per token", "prompt", "recommended"],
    catalogue.map(({ name, contextLength, kvBytesPerToken, template, defaults }) => {
      const recommended = Object.entries(defaults).map(([setting, value]) => `${snakeCase(setting)} ${value}`);
      const cache = kvBytesPerToken === 0 ? "none" : formatBytes(kvBytesPerToken);
      return [`\`${name}\``, String(contextLength), cache, template, recommended.join(", ")];
    }),
  );
}

function facts({ name, task, parameters, format, bytes, license }: CatalogueEntry): string[] {
  return [`\`${name}\``, uses[task], weights(parameters), format, formatBytes(bytes), license];
}

function weights(parameters: number): string {
  return parameters < 1e9 ? `${Math.round(parameters / 1e6)} M` : `${(parameters / 1e9).toFixed(1)} G`;
}

function sourcesOf({ sources }: CatalogueEntry): string {
  return sources.map((source) => `\`${nameOfSource(source)}\``).join(", ");
}

function sumOf(source: ModelSource): string {
  return source.kind === "reference" ? "" : source.sha256;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
