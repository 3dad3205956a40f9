import { parseInline, type Inline } from "./markdown-inline.ts";

export interface ListBlock {
  readonly kind: "list";
  /** The first number; undefined = bullets. */
  readonly start: number | undefined;
  readonly items: readonly (readonly Block[])[];
}

/** The kinds of Markdown that are shown. HTML is none of them: it is text. */
export type Block =
  | { readonly kind: "paragraph"; readonly children: readonly Inline[] }
  | { readonly kind: "heading"; readonly level: number; readonly children: readonly Inline[] }
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  | { readonly kind: "quote"; readonly children: readonly Block[] }
  | { readonly kind: "rule" }
  | ListBlock;

/** Lists and quotes within each other; deeper ones are paragraphs. */
const deepest = 8;

const fence = /^( {0,3})(`{3,}|~{3,})([^`]*)$/;
const heading = /^ {0,3}(#{1,6}) +(.*)$/;
const rule = /^ {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$/;
const quote = /^ {0,3}> ?(.*)$/;
const item = /^( *)([-*+]|\d{1,9}[.)])(?: +(.*))?$/;

/**
 * Reads the Markdown that models write: paragraphs, headings, fenced code, lists, quotes and rules. Any text can be read,
 * also half an answer: a fence that is still open reaches to the end.
 */
export function parseMarkdown(text: string): Block[] {
  return parseBlocks(text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n"), 0);
}

/** A block, and the line after it. */
type Read = readonly [block: Block, next: number];

function parseBlocks(lines: readonly string[], depth: number): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length;) {
    if (lines[at]!.trim() === "") {
      at++;
      continue;
    }
    const [block, next] = readBlock(lines, at, depth);
    blocks.push(block);
    at = next;
  }
  return blocks;
}

function readBlock(lines: readonly string[], at: number, depth: number): Read {
  const line = lines[at]!;
  if (fence.test(line)) return readCode(lines, at);
  const title = heading.exec(line);
  if (title !== null) {
    const text = title[2]!.replace(/ #{1,9} *$/, "");
    return [{ kind: "heading", level: title[1]!.length, children: parseInline(text.trim()) }, at + 1];
  }
  if (rule.test(line)) return [{ kind: "rule" }, at + 1];
  if (depth < deepest && quote.test(line)) return readQuote(lines, at, depth);
  if (depth < deepest && item.test(line)) return readList(lines, at, depth);
  return readParagraph(lines, at, depth);
}

function readCode(lines: readonly string[], at: number): Read {
  const [, indent, ticks, info] = fence.exec(lines[at]!)!;
  const body: string[] = [];
  let next = at + 1;
  for (; next < lines.length; next++) {
    const line = lines[next]!;
    const end = line.trim();
    if (end.startsWith(ticks!) && end === ticks![0]!.repeat(end.length)) break;
    body.push(line.slice(Math.min(indent!.length, indentOf(line))));
  }
  return [{ kind: "code", language: info!.trim().split(" ")[0]!, text: body.join("\n") }, next + 1];
}

function readQuote(lines: readonly string[], at: number, depth: number): Read {
  const inner: string[] = [];
  let next = at;
  for (; next < lines.length; next++) {
    const quoted = quote.exec(lines[next]!);
    if (quoted === null) break;
    inner.push(quoted[1]!);
  }
  return [{ kind: "quote", children: parseBlocks(inner, depth + 1) }, next];
}

/** Models indent what belongs to an item by anything from two spaces on. */
function readList(lines: readonly string[], at: number, depth: number): Read {
  const [, indent, marker] = item.exec(lines[at]!)!;
  const ordered = isNumber(marker!);
  const items: Block[][] = [];
  let next = at;
  while (next < lines.length) {
    const start = item.exec(lines[next]!);
    if (start === null || isNumber(start[2]!) !== ordered || start[1]!.length > indent!.length + 1) break;
    if (rule.test(lines[next]!)) break;
    const end = endOfItem(lines, next + 1, indent!.length + 2);
    const inner = lines.slice(next + 1, end);
    const own = inner.find((line) => line.trim() !== "" && indentOf(line) > indent!.length + 1);
    const width = Math.min(start[1]!.length + start[2]!.length + 1, indentOf(own ?? ""));
    const text = inner.map((line) => line.slice(Math.min(width, indentOf(line))));
    items.push(parseBlocks([start[3] ?? "", ...text], depth + 1));
    next = end;
  }
  return [{ kind: "list", start: ordered ? Number.parseInt(marker!, 10) : undefined, items }, next];
}

/** The line after an item: the next item, or the first line that neither continues its text nor is indented. */
function endOfItem(lines: readonly string[], from: number, least: number): number {
  let at = from;
  for (; at < lines.length; at++) {
    const line = lines[at]!;
    if (line.trim() === "") continue;
    const afterBlank = lines[at - 1]!.trim() === "";
    if (indentOf(line) < least && (afterBlank || beginsBlock(line))) break;
  }
  return at;
}

function readParagraph(lines: readonly string[], at: number, depth: number): Read {
  const ends = (line: string) => line.trim() === "" || (depth < deepest && beginsBlock(line));
  const length = lines.slice(at + 1).findIndex(ends);
  const next = length === -1 ? lines.length : at + 1 + length;
  const text = lines
    .slice(at, next)
    .map((line) => line.trim())
    .join("\n");
  return [{ kind: "paragraph", children: parseInline(text) }, next];
}

function beginsBlock(line: string): boolean {
  return [fence, heading, rule, quote, item].some((pattern) => pattern.test(line));
}

function isNumber(marker: string): boolean {
  return /^\d/.test(marker);
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
