import type { Inline } from "./markdown-inline.ts";
import { parseMarkdown, type Block, type ListBlock } from "./markdown.ts";

const headings = ["h2", "h3", "h4", "h5", "h6", "h6"] as const;

/**
 * Shows a text that grows. Blocks that did not change keep their elements, so that what is selected stays selected. Only
 * elements of these kinds and text nodes are made: no text is ever read as HTML.
 */
export class MarkdownView {
  readonly #root: HTMLElement;
  /** The blocks that are shown, for comparing. */
  #shown: readonly string[] = [];

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  show(text: string): void {
    const blocks = parseMarkdown(text);
    const next = blocks.map((block) => JSON.stringify(block));
    const changed = next.findIndex((block, index) => block !== this.#shown[index]);
    const keep = changed === -1 ? next.length : changed;
    while (this.#root.childNodes.length > keep) this.#root.lastChild!.remove();
    this.#root.append(...blocks.slice(keep).map(blockNode));
    this.#shown = next;
  }
}

function blockNode(block: Block): Node {
  if (block.kind === "code") return codeNode(block.language, block.text);
  if (block.kind === "rule") return document.createElement("hr");
  if (block.kind === "list") return listNode(block);
  if (block.kind === "quote") return element("blockquote", block.children.map(blockNode));
  // The page has a heading of its own above those of an answer.
  const name = block.kind === "heading" ? headings[block.level - 1]! : "p";
  return element(name, block.children.map(inlineNode));
}

function listNode({ start, items }: ListBlock): Node {
  const entries = items.map((item) => element("li", item.map(blockNode)));
  if (start === undefined) return element("ul", entries);
  const list = element("ol", entries);
  list.start = start;
  return list;
}

function inlineNode(inline: Inline): Node {
  if (inline.kind === "text") return document.createTextNode(inline.text);
  if (inline.kind === "code") return element("code", [inline.text]);
  if (inline.kind === "break") return document.createElement("br");
  if (inline.kind === "link") return linkNode(inline.href, inline.children);
  return element(inline.kind, inline.children.map(inlineNode));
}

function linkNode(href: string, children: readonly Inline[]): Node {
  const link = element("a", children.map(inlineNode));
  link.href = href;
  link.title = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  return link;
}

function codeNode(language: string, text: string): Node {
  const label = element("figcaption", [language, copyButton("Copy code", () => text)]);
  const code = element("pre", [element("code", [text])]);
  code.tabIndex = 0; // it scrolls sideways, also by keyboard
  return element("figure", [label, code]);
}

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  children: readonly (Node | string)[],
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

/** Copies what `text` says when it is pressed. */
export function copyButton(label: string, text: () => string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.ariaLabel = label;
  const say = (word: string) => {
    button.textContent = word;
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  button.addEventListener("click", () => {
    // There is no clipboard on a page that came over plain HTTP from another machine.
    const copied = navigator.clipboard?.writeText(text()) ?? Promise.reject(new Error("no clipboard"));
    copied.then(
      () => say("Copied"),
      () => say("Cannot copy"),
    );
  });
  return button;
}
