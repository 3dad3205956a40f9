import type { ModelSummary, Served } from "../app.ts";

type Loaded = NonNullable<ModelSummary["loaded"]>;
type Line = readonly [name: string, text: string];

/** What `serve` prints when its models are ready: address, models, plans, and a command to paste. */
export function banner({ url, models, needsKey, record, replay }: Served): string {
  const first = models[0]!;
  const { info, hasChatTemplate = true } = first.loaded ?? {};
  const use = info?.dimensions !== undefined ? "embeddings" : hasChatTemplate ? "chat" : "completions";
  const lines: Line[] = [
    ["Millrace", use === "chat" ? `${url} · open it in a browser to chat` : url],
    ...models.flatMap((model) => (replay === undefined ? linesOf(model) : [replayedLine(model)])),
  ];
  if (record !== undefined) lines.push(["records", `prompts and answers, in clear, in ${record}`]);
  if (replay !== undefined) lines.push(["replays", `what was recorded in ${replay}`]);
  else lines.push(["try", curl(url, first.id, { use, needsKey })]);
  return `\n${lines.map(([name, text]) => `  ${name.padEnd(9)} ${text}`).join("\n")}\n\n`;
}

/** It runs nothing: there is no plan. */
function replayedLine({ id, loaded }: ModelSummary): Line {
  return ["model", `${id} · ${loaded!.info.description}`];
}

function linesOf({ id, loaded }: ModelSummary): Line[] {
  if (loaded === undefined) return [["model", `${id} · loaded when a request names it`]];
  const { info, plan } = loaded;
  const lines: Line[] = [
    ["model", `${id} · ${info.description}`],
    ["plan", planLine(loaded)],
  ];
  if (loaded.less !== "") lines.push(["note", `to fit into memory: ${loaded.less}`]);
  if (info.contextPerSlot < plan.contextPerSlot && info.dimensions === undefined)
    lines.push(["note", `this model has ${info.contextPerSlot} tokens of context at most`]);
  return lines;
}

function planLine({ info, plan }: Loaded): string {
  const threads = plan.threads === 1 ? "1 thread" : `${plan.threads} threads`;
  return [threads, ...roomIn({ info, plan }), info.library, `CPU ${info.cpuVariant}`].join(" · ");
}

/** What it takes at once. */
function roomIn({ info, plan }: Pick<Loaded, "info" | "plan">): readonly string[] {
  if (plan.task === "embed") return [`texts of up to ${info.contextPerSlot} tokens`];
  const slots = plan.slots === 1 ? "1 slot" : `${plan.slots} slots`;
  const layout = plan.kvLayout === "per-sequence" ? "one KV cache per slot" : "one KV cache for all";
  return [`${slots} x ${info.contextPerSlot} tokens`, layout];
}

const examples = {
  chat: ["chat/completions", { messages: [{ role: "user", content: "Tell me about rivers." }], max_tokens: 64 }],
  /** Of base models, which have no chat template: they continue a text. */
  completions: ["completions", { prompt: "The river runs", max_tokens: 64 }],
  embeddings: ["embeddings", { input: ["The river runs", "Water flows"] }],
} as const;

interface Asking {
  readonly use: keyof typeof examples;
  /** Keys are not printed. */
  readonly needsKey: boolean;
}

function curl(url: string, model: string, { use, needsKey }: Asking): string {
  const [path, question] = examples[use];
  const body = JSON.stringify({ model, ...question });
  const key = needsKey ? ' -H "authorization: Bearer YOUR_KEY"' : "";
  return `curl ${url}/v1/${path} -H "content-type: application/json"${key} -d ${quoted(body)}`;
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
