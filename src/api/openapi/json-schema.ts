import * as z from "zod";
import { elementOf, fieldNotes } from "../openai/fields.ts";

/** What a client may send, as a JSON schema: exactly what the request is checked with. */
export function jsonSchemaOf(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const element = elementOf(zodSchema);
      if (element !== undefined) jsonSchema.items = jsonSchemaOf(element);
      const note = fieldNotes.get(zodSchema);
      if (note !== undefined) jsonSchema.description = `${note.here}: ${note.why}`;
    },
  });
  return json;
}
