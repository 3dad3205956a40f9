import { failure } from "../core/errors.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";

/** What families of models call the tokens before the text's beginning, its end, and what is to be filled in between. */
const names = [
  ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
  ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
  ["<fim-prefix>", "<fim-suffix>", "<fim-middle>"],
  ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
  ["<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"],
  ["▁<PRE>", "▁<SUF>", "▁<MID>"],
] as const;

type InfillTokens = readonly [prefix: number, suffix: number, middle: number];

const known = new WeakMap<Vocabulary, InfillTokens | undefined>();

interface Gap {
  readonly text: string;
  readonly suffix: string;
}

/** The prompt at whose end the model writes what stands between `text` and `suffix`. */
export function infillPrompt({ text, suffix }: Gap, vocabulary: Vocabulary, model: string): Int32Array {
  if (!known.has(vocabulary)) known.set(vocabulary, infillTokens(vocabulary));
  const tokens = known.get(vocabulary);
  if (tokens === undefined) {
    const problem = `model '${model}' has no tokens for filling in the middle of a text`;
    throw failure("unsupported_field", { field: "suffix", problem });
  }
  const plain = (part: string) => vocabulary.tokenize(part, { parseSpecial: false, addSpecial: false });
  const [begin] = vocabulary.tokenize("", { parseSpecial: false, addSpecial: true });
  const bos = begin !== undefined && begin === vocabulary.bosToken ? [begin] : [];
  return Int32Array.from([...bos, tokens[0], ...plain(text), tokens[1], ...plain(suffix), tokens[2]]);
}

function infillTokens(vocabulary: Vocabulary): InfillTokens | undefined {
  const byName = new Map(
    vocabulary.controlTokens.map((token) => [Buffer.from(vocabulary.piece(token, true)).toString(), token]),
  );
  const family = names.find((family) => family.every((name) => byName.has(name)));
  return family && (family.map((name) => byName.get(name)!) as unknown as InfillTokens);
}
