/** What the name of a file says about the model that it is (a part of). */
export interface SplitName {
  /** The path without number and ending. */
  readonly stem: string;
  /** From 1. */
  readonly part: number;
  readonly parts: number;
}

/** Parts are called `<stem>-00001-of-00003.gguf`, and llama.cpp opens no others (`llama_split_path`). */
export function parseSplitName(path: string): SplitName {
  const [, stem, part, parts] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i.exec(path) ?? [];
  if (stem === undefined) return { stem: path.replace(/\.gguf$/i, ""), part: 1, parts: 1 };
  return { stem, part: Number(part), parts: Number(parts) };
}

export function splitName({ stem, part, parts }: SplitName): string {
  return `${stem}-${fiveDigits(part)}-of-${fiveDigits(parts)}.gguf`;
}

function fiveDigits(value: number): string {
  return String(value).padStart(5, "0");
}
