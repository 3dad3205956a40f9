// Writes the tables of docs/*.md that list what the program knows; `--check` only tells whether they are up to date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import {
  applyTemplateFieldTable,
  chatFieldTable,
  completionFieldTable,
  detokenizeFieldTable,
  embeddingFieldTable,
  errorCodeTable,
  generateStreamFieldTable,
  messageFieldTable,
  tokenizeFieldTable,
} from "./docs/api-tables.ts";
import { foreignKeyTable, foreignVariableTable, settingTable } from "./docs/configuration-tables.ts";
import { exitCodeTable, liveSettingTable } from "./docs/operation-tables.ts";
import { modelTable, recommendationTable, referenceTable } from "./docs/model-tables.ts";

/** What stands between `<!-- generated: NAME -->` and `<!-- end -->`, by name. */
const tables: Readonly<Record<string, () => string>> = {
  settings: settingTable,
  "foreign-variables": foreignVariableTable,
  "foreign-keys": foreignKeyTable,
  "live-settings": liveSettingTable,
  "exit-codes": exitCodeTable,
  models: modelTable,
  "models-by-reference": referenceTable,
  recommendations: recommendationTable,
  "chat-fields": chatFieldTable,
  "message-fields": messageFieldTable,
  "completion-fields": completionFieldTable,
  "embedding-fields": embeddingFieldTable,
  "generate-stream-fields": generateStreamFieldTable,
  "tokenize-fields": tokenizeFieldTable,
  "detokenize-fields": detokenizeFieldTable,
  "apply-template-fields": applyTemplateFieldTable,
  "error-codes": errorCodeTable,
};

const check = process.argv.includes("--check");
const missing = new Set(Object.keys(tables));
for (const name of readdirSync("docs").filter((file) => file.endsWith(".md"))) {
  const path = `docs/${name}`;
  const before = readFileSync(path, "utf8");
  const after = before.replace(/(?<=<!-- generated: (\S+) -->\n)[^]*?(?=<!-- end -->)/g, (_old, table: string) => {
    const make = tables[table];
    if (make === undefined) throw new Error(`${path}: there is no table '${table}'`);
    missing.delete(table);
    return `\n${make()}\n`;
  });
  if (after === before) continue;
  if (check) process.exitCode = 1;
  else writeFileSync(path, after);
  console.error(check ? `${path} is not up to date: npm run docs` : `${path} written`);
}
if (missing.size > 0) throw new Error(`no page of docs/ has a place for: ${[...missing].join(", ")}`);
