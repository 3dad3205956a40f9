import fc from "fast-check";
import { expect, test } from "vitest";
import type { Inline } from "./markdown-inline.ts";
import { parseMarkdown, type Block } from "./markdown.ts";

/** The tree as tags, for comparing; text is written as it stands. */
function show(nodes: readonly (Block | Inline)[]): string {
  return nodes.map(showOne).join("");
}

function showOne(node: Block | Inline): string {
  if (node.kind === "text") return node.text;
  if (node.kind === "break") return "↵";
  if (node.kind === "rule") return "<rule>";
  if (node.kind === "code") return `<code${"language" in node ? ` ${node.language}` : ""}>${node.text}</code>`;
  if (node.kind === "list")
    return `<list ${node.start ?? "-"}>${node.items.map((item) => `<item>${show(item)}</item>`).join("")}</list>`;
  const tag = { paragraph: "p", heading: `h${"level" in node ? node.level : ""}` }[node.kind as string] ?? node.kind;
  const open = node.kind === "link" ? `link ${node.href}` : tag;
  return `<${open}>${show(node.children)}</${tag}>`;
}

const shown = (text: string): string => show(parseMarkdown(text));

test.each([
  ["plain", "<p>plain</p>"],
  ["two\nlines\n\nand more", "<p>two↵lines</p><p>and more</p>"],
  ["**b** __b__ *i* _i_ ~~d~~", "<p><strong>b</strong> <strong>b</strong> <em>i</em> <em>i</em> <del>d</del></p>"],
  ["***both*** **a *b***", "<p><strong><em>both</em></strong> <strong>a <em>b</em></strong></p>"],
  ["**half", "<p>**half</p>"],
  ["**a *b** c", "<p><strong>a *b</strong> c</p>"],
  ["5 * 3 * 2, snake_case_name, a ** b", "<p>5 * 3 * 2, snake_case_name, a ** b</p>"],
  ["\\*not\\* \\<b>", "<p>*not* <b></p>"],
  ["`a*b*c` `` a`b `` `open", "<p><code>a*b*c</code> <code>a`b</code> `open</p>"],
  ["# One\n### Three ##\n#nothing", "<h1>One</h1><h3>Three</h3><p>#nothing</p>"],
  ["a\n***\n- - -", "<p>a</p><rule><rule>"],
  ["```ts x\nconst a = `**b**`;\n\n<i>\n```\nafter", "<code ts>const a = `**b**`;\n\n<i></code><p>after</p>"],
  ["~~~\na\n```\n~~~~", "<code >a\n```</code>"],
  ["```py\nstill open", "<code py>still open</code>"],
  ["> a\n> > b\n\nc", "<quote><p>a</p><quote><p>b</p></quote></quote><p>c</p>"],
  ["- a\n- b\n  c\n\n- d", "<list -><item><p>a</p></item><item><p>b↵c</p></item><item><p>d</p></item></list>"],
  ["3. a\n4) b\nend?", "<list 3><item><p>a</p></item><item><p>b↵end?</p></item></list>"],
  [
    "1. a\n  - b\n    - c\n2. d\n\nafter",
    "<list 1><item><p>a</p><list -><item><p>b</p><list -><item><p>c</p></item></list></item></list></item>" +
      "<item><p>d</p></item></list><p>after</p>",
  ],
  ["1. a\n\n   ```sh\n   ls\n     -l\n   ```", "<list 1><item><p>a</p><code sh>ls\n  -l</code></item></list>"],
  ["- a\n1. b", "<list -><item><p>a</p></item></list><list 1><item><p>b</p></item></list>"],
  ["[a **b**](https://x.y/z_(1))", "<p><link https://x.y/z_(1)>a <strong>b</strong></link></p>"],
  ['[t](<mailto:a@b.c> "title")', "<p><link mailto:a@b.c>t</link></p>"],
  ["see https://x.y/a_b_c?d=1.", "<p>see <link https://x.y/a_b_c?d=1>https://x.y/a_b_c?d=1</link>.</p>"],
  [
    "![alt](https://x.y/p.png) [](https://x.y)",
    "<p><link https://x.y/p.png>alt</link> <link https://x.y/>https://x.y/</link></p>",
  ],
  ["[a] [b](c d) ![e", "<p>[a] [b](c d) ![e</p>"],
])("%j", (text, expected) => {
  expect(shown(text)).toBe(expected);
});

test.each([
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "[x](javascript:alert%281%29)",
  "[x](JaVaScRiPt:alert%281%29)",
  "[x](java\u0000script:void)",
  "[x](data:text/html,<script>alert(1)</script>)",
  "[x](vbscript:msgbox)",
  "[x](//evil.example)",
  "[x](/v1/models)",
  "[x](&#106;avascript:alert(1))",
  "![x](javascript:alert%281%29)",
])("%j stays text", (text) => {
  expect(shown(text)).toBe(`<p>${text}</p>`);
});

test("what is nested in harmless marks is no less text", () => {
  expect(shown("> - **[`<b>` [y](javascript:x)](javascript:z)**")).toBe(
    "<quote><list -><item><p><strong>[<code><b></code> [y](javascript:x)](javascript:z)</strong></p></item></list></quote>",
  );
  expect(shown("[a **[b](https://b.c)** d](https://e.f)")).toBe(
    "<p>[a <strong><link https://b.c/>b</link></strong> d](<link https://e.f/>https://e.f</link>)</p>",
  );
});

function* linksOf(nodes: readonly (Block | Inline)[]): Generator<string> {
  for (const node of nodes) {
    if (node.kind === "link") yield node.href;
    if ("children" in node) yield* linksOf(node.children);
    if (node.kind === "list") yield* linksOf(node.items.flat());
  }
}

const piece = fc.constantFrom(
  ..."*_`~[]()!<>#-+.1 \n\t\\:/a".split(""),
  ..."**|](|```|https://a.b|javascript:|data:|> |- |1. |    |<script>|](javascript:x)".split("|"),
);

test("any text can be read, its words are kept, and every link is of a harmless scheme", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join("");
      const blocks = parseMarkdown(text);
      for (const href of linksOf(blocks)) expect(new URL(href).protocol).toMatch(/^(https?|mailto):$/);
      if (!text.includes("```") && !text.includes("](")) {
        const letters = show(blocks).replace(
          /<\/?(link [^>]*|link|strong|em|del|list [-\d]+|list|item|h\d|p|quote|code ?|rule)>/g,
          "",
        );
        expect(letters.match(/a/g)?.length).toBe(text.match(/a/g)?.length);
      }
    }),
    { numRuns: 3000 },
  );
});

test.each([
  "**a ",
  "*a",
  "[",
  "[a](",
  "`a``",
  "> ",
  "- ",
  '](a "',
  "_a_",
  "~~a",
  "h",
  "https://",
  "<",
  "```a ",
  "![",
  "    - a\n",
])("%j: 100,000 characters of it are read in good time, without a stack overflow", (text) => {
  const begun = performance.now();
  parseMarkdown(text.repeat(100_000 / text.length));
  parseMarkdown(`${text}\n`.repeat(100_000 / text.length));
  expect(performance.now() - begun).toBeLessThan(2000);
});
