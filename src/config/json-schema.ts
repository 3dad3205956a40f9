import * as z from "zod";
import { configKeys, fields } from "./fields.ts";
import { modelsKey, mostModels } from "./file-layer.ts";
import { describeForeign, foreignKeys } from "./foreign-names.ts";
import { configSchema, type ConfigKey } from "./schema.ts";

/** The configuration file as JSON Schema, for editors that complete and check it. */
export function configJsonSchema(): object {
  const model = { type: "object", properties: propertiesOf(isPerModel), additionalProperties: false };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Millrace configuration",
    type: "object",
    properties: {
      ...propertiesOf(() => true),
      [modelsKey]: {
        description: "the models, each with its settings; those that it leaves out are taken from the top of the file",
        type: "array",
        minItems: 1,
        maxItems: mostModels,
        items: model,
      },
      ...Object.fromEntries(
        Object.entries(foreignKeys).map(([name, foreign]) => [
          name,
          { description: describeForeign(foreign), deprecated: true },
        ]),
      ),
    },
    additionalProperties: false,
  };
}

const isPerModel = (key: ConfigKey): boolean => fields[key].perModel === true;

function propertiesOf(wanted: (key: ConfigKey) => boolean): object {
  return Object.fromEntries(configKeys.filter(wanted).map((key) => [fields[key].file, propertyOf(key)]));
}

function propertyOf(key: ConfigKey): object {
  const { $schema: _, ...property } = z.toJSONSchema(configSchema.shape[key], { io: "input" });
  return { ...property, description: `${fields[key].summary}. Accepted: ${configSchema.shape[key].description}` };
}
