import { catalogueEntry } from "./catalogue.ts";
import type { CatalogueEntry } from "./catalogue-entry.ts";
import { readGgufHeader, type GgufHeader } from "./gguf-header.ts";
import { parseReference } from "./reference.ts";
import { pullableOf, resolveModel, unknownModel } from "./resolve-model.ts";
import { ModelStore, type StoredModel } from "./store.ts";

/** Everything that is known about a model without the network. */
export interface ShownModel {
  readonly name: string;
  readonly entry: CatalogueEntry | undefined;
  /** Undefined = it was never pulled, or it is a file of the user's own. */
  readonly stored: StoredModel | undefined;
  /** Undefined = it is not on this disk. */
  readonly header: GgufHeader | undefined;
}

/** Throws `unknown_model` for a name that is neither known nor stored, `invalid_model_file`. */
export async function showModel(reference: string, home: string): Promise<ShownModel> {
  const name = pullableOf(reference)?.name ?? reference;
  const entry = catalogueEntry(name);
  const stored = await new ModelStore(home).find(name);
  if (stored !== undefined) return { name, entry, stored, header: await readGgufHeader(stored.file) };
  if (entry !== undefined) return { name, entry, stored, header: undefined };
  const { kind } = parseReference(reference);
  if (kind === "hub" || kind === "url") throw unknownModel(reference);
  const { header, file } = await resolveModel(reference, { home, offline: true });
  return { name: file, entry, stored, header };
}
