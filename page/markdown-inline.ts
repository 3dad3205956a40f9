/** What stands within a line. The kinds are all there is: whatever a model writes, nothing else can come of it. */
export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "break" }
  | { readonly kind: "strong" | "em" | "del"; readonly children: readonly Inline[] }
  | { readonly kind: "link"; readonly href: string; readonly children: readonly Inline[] };

/** Something that was opened and waits for its end: `**`, `[`, … */
interface Open {
  readonly marker: string;
  readonly children: Inline[];
  /** A link stands in it, so it cannot become one. */
  hasLink: boolean;
}

/** Markers opened within each other; more are plain text, so that hostile input costs no more than its length. */
const deepest = 16;
const kinds = { "**": "strong", __: "strong", "*": "em", _: "em", "~~": "del" } as const;
/** An image would be fetched from wherever the model says: it becomes a link too. */
const linkMarkers: ReadonlySet<string> = new Set(["[", "!["]);
const schemes = ["http:", "https:", "mailto:"];

const token = /\\[!-/:-@[-`{-~]|`+|\*+|_+|~~|!?\[|\]|\n|https?:\/\/[^\s<>"'`*[\]]+|[^\\`*_~![\]\nh]+|[^]/y;
const linkEnd = /\]\(\s{0,9}<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)?)>?(?:\s{1,9}"[^"\n]*")?\s{0,9}\)/y;

/** Reads emphasis, code, links and line breaks of one paragraph. What is not closed is text. */
export function parseInline(text: string): Inline[] {
  return new InlineParser(text).parse();
}

class InlineParser {
  readonly #text: string;
  readonly #opens: Open[] = [{ marker: "", children: [], hasLink: false }];
  /** Lengths of backtick runs that have no partner further on. */
  readonly #lonely = new Set<number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Inline[] {
    while (this.#at < this.#text.length) {
      token.lastIndex = this.#at;
      const [found] = token.exec(this.#text)!;
      const start = this.#at;
      this.#at += found.length;
      this.#take(found, start);
    }
    this.#unwind(0);
    return this.#opens[0]!.children;
  }

  #take(found: string, start: number): void {
    if (found === "\n") this.#add({ kind: "break" });
    else if (found.startsWith("\\") && found.length === 2) this.#addText(found[1]!);
    else if (found.startsWith("`")) this.#code(found);
    else if (/^(\*+|_+|~~)$/.test(found)) this.#emphasis(found, start);
    else if (linkMarkers.has(found)) this.#open(found);
    else if (found === "]") this.#link(start);
    else if (found.startsWith("http")) this.#bareLink(found);
    else this.#addText(found);
  }

  #add(inline: Inline): void {
    this.#opens.at(-1)!.children.push(inline);
  }

  #addText(text: string): void {
    const { children } = this.#opens.at(-1)!;
    const last = children.at(-1);
    if (last?.kind === "text") children[children.length - 1] = { kind: "text", text: last.text + text };
    else if (text !== "") children.push({ kind: "text", text });
  }

  #code(ticks: string): void {
    const end = this.#lonely.has(ticks.length) ? -1 : this.#closingTicks(ticks);
    if (end === -1) {
      this.#lonely.add(ticks.length);
      return this.#addText(ticks);
    }
    const code = this.#text.slice(this.#at, end).replaceAll("\n", " ");
    this.#add({ kind: "code", text: /^ .*[^ ].* $/.test(code) ? code.slice(1, -1) : code });
    this.#at = end + ticks.length;
  }

  #closingTicks(ticks: string): number {
    for (let at = this.#text.indexOf(ticks, this.#at); at !== -1;) {
      let end = at;
      while (this.#text[end] === "`") end++;
      if (end - at === ticks.length) return at;
      at = this.#text.indexOf(ticks, end);
    }
    return -1;
  }

  #emphasis(run: string, start: number): void {
    const before = this.#text[start - 1] ?? " ";
    const after = this.#text[this.#at] ?? " ";
    const within = run.startsWith("_") && isWord(before) && isWord(after); // snake_case
    const rest = within || isSpace(before) ? run : this.#closeAll(run);
    if (within || isSpace(after) || rest.length > 3) return this.#addText(rest);
    if (rest.length > 2) this.#open(rest.slice(0, 2));
    const last = rest.length > 2 ? rest.slice(2) : rest;
    if (last !== "") this.#open(last);
  }

  /** Ends what the run can end, and gives back what is left of it. */
  #closeAll(run: string): string {
    const depth = run === "" ? -1 : this.#closedBy(run);
    if (depth === -1) return run;
    const marker = this.#opens[depth]!.marker as keyof typeof kinds;
    this.#add({ kind: kinds[marker], children: this.#close(depth) });
    return this.#closeAll(run.slice(marker.length));
  }

  /** Where the marker is that a run ends: one just as long, else the innermost shorter one. */
  #closedBy(run: string): number {
    const same = this.#opens.findLastIndex(({ marker }) => marker === run);
    return same !== -1 ? same : this.#opens.findLastIndex(({ marker }) => marker !== "" && run.startsWith(marker));
  }

  #open(marker: string): void {
    if (this.#opens.length > deepest) this.#addText(marker);
    else this.#opens.push({ marker, children: [], hasLink: false });
  }

  /** Ends what is open at `depth`; its children. */
  #close(depth: number): Inline[] {
    this.#unwind(depth);
    return this.#opens.pop()!.children;
  }

  /** What was opened above `depth` and never closed is text. */
  #unwind(depth: number): void {
    while (this.#opens.length - 1 > depth) {
      const { marker, children } = this.#opens.pop()!;
      this.#addText(marker);
      for (const child of children) {
        if (child.kind === "text") this.#addText(child.text);
        else this.#add(child);
      }
    }
  }

  #link(start: number): void {
    const depth = this.#openLink();
    linkEnd.lastIndex = start;
    const end = depth === -1 ? null : linkEnd.exec(this.#text);
    const href = safeHref(end?.[1] ?? "");
    if (end === null || href === undefined) {
      if (depth !== -1) this.#unwind(depth - 1);
      return this.#addText("]");
    }
    const children = this.#close(depth);
    this.#addLink(href, children.length > 0 ? children : [{ kind: "text", text: href }]);
    this.#at = start + end[0].length;
  }

  #openLink(): number {
    return this.#opens.findLastIndex(({ marker, hasLink }) => linkMarkers.has(marker) && !hasLink);
  }

  #addLink(href: string, children: readonly Inline[]): void {
    for (const open of this.#opens) open.hasLink = true;
    this.#add({ kind: "link", href, children });
  }

  #bareLink(found: string): void {
    const text = found.replace(/[.,;:!?)]{1,9}$/, "");
    const href = safeHref(text);
    if (href === undefined || this.#openLink() !== -1) return this.#addText(found);
    this.#addLink(href, [{ kind: "text", text }]);
    this.#addText(found.slice(text.length));
  }
}

function isSpace(character: string): boolean {
  return /\s/.test(character);
}

function isWord(character: string): boolean {
  return /[\p{L}\p{N}_]/u.test(character);
}

/** The address as the browser would read it, if it is absolute and of a harmless scheme. */
function safeHref(address: string): string | undefined {
  try {
    const { protocol, href } = new URL(address);
    return schemes.includes(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}
