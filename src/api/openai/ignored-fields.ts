import { ignored } from "./fields.ts";

const byKey = "who asks is known by the key";
const byText = "prompts are cached by their text, for each key";

/** OpenAI's fields that have no meaning for a local model. No others are ignored: they work, or are refused by name. */
export const ignoredFields = {
  user: ignored(byKey),
  safety_identifier: ignored(byKey),
  store: ignored("answers are not stored"),
  metadata: ignored("it belongs to stored answers"),
  prompt_cache_key: ignored(byText),
  prompt_cache_options: ignored(byText),
  prompt_cache_retention: ignored(byText),
};
