import { escapeMarkup } from "./markup.ts";
import { plot, type Plot } from "./plot.ts";

/** The first row is the heading; cells that begin like a number are aligned right. */
export type TableRows = readonly (readonly string[])[];

export type ReportBlock =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "table"; readonly rows: TableRows }
  | { readonly kind: "plot"; readonly plot: Plot };

export interface ReportSection {
  readonly heading: string;
  readonly blocks: readonly ReportBlock[];
}

export interface ReportPage {
  readonly title: string;
  /** What the figures need beside them to mean something: machine, model, settings. */
  readonly facts: Readonly<Record<string, string | number>>;
  readonly sections: readonly ReportSection[];
}

const style = `:root{color-scheme:light dark;--ground:#f6f7f6;--text:#1a2321;--quiet:#586460;--line:#d7dcd9}
@media (prefers-color-scheme:dark){:root{--ground:#121716;--text:#e5ebe9;--quiet:#9aa8a3;--line:#35403d}}
body{margin:0 auto;padding:2rem 1rem;max-width:60rem;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0 0 1rem}h2{font-size:1.2rem;margin:2.5rem 0 .5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.5rem;margin:0;font-size:.9rem}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:1rem 0}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .9rem .25rem 0;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--quiet);font-weight:500}.number{text-align:right}
.plot{display:block;max-width:100%;height:auto;margin:1rem 0;border:1px solid var(--line);border-radius:6px}`;

/** One HTML page that needs nothing else: no script, no style, font or image from elsewhere. */
export function reportPage({ title, facts, sections }: ReportPage): string {
  const heading = escapeMarkup(title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${heading}</title>
<style>
${style}
</style>
</head>
<body>
<h1>${heading}</h1>
<dl>
${Object.entries(facts).map(fact).join("\n")}
</dl>
${sections.map(section).join("\n")}
</body>
</html>
`;
}

function fact([name, value]: [string, string | number]): string {
  return `<dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(String(value))}</dd>`;
}

function section({ heading, blocks }: ReportSection): string {
  return `<section>\n<h2>${escapeMarkup(heading)}</h2>\n${blocks.map(blockOf).join("\n")}\n</section>`;
}

function blockOf(block: ReportBlock): string {
  if (block.kind === "text") return `<p>${escapeMarkup(block.text)}</p>`;
  return block.kind === "table" ? tableOf(block.rows) : plot(block.plot);
}

function tableOf([heads = [], ...rows]: TableRows): string {
  // A heading stands over its column: it is aligned as the first value below it.
  const top = heads.map((head, column) => cell("th", head, isNumber(rows[0]?.[column] ?? "")));
  const body = rows.map((row) => `<tr>${row.map((value) => cell("td", value, isNumber(value))).join("")}</tr>`);
  return `<div class="wide"><table>\n<thead><tr>${top.join("")}</tr></thead>\n<tbody>\n${body.join("\n")}\n</tbody>\n</table></div>`;
}

function cell(tag: "th" | "td", value: string, number: boolean): string {
  return `<${tag}${number ? ' class="number"' : ""}>${escapeMarkup(value)}</${tag}>`;
}

function isNumber(value: string): boolean {
  return /^[-+×]?\d/.test(value);
}
