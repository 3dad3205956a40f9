import type { Served } from "../app.ts";

/** What `serve` prints when the model is ready: address, model, plan, and a command to paste. */
export function banner(served: Served): string {
  const { url, modelId, info, plan, hasChatTemplate } = served;
  const lines = [
    ["Millrace", hasChatTemplate ? `${url} · open it in a browser to chat` : url],
    ["model", `${modelId} · ${info.description}`],
    ["plan", planLine(served)],
    ["try", curl(served)],
  ];
  if (info.contextPerSlot < plan.contextPerSlot) {
    lines.splice(3, 0, ["note", `this model has ${info.contextPerSlot} tokens of context at most`]);
  }
  return `\n${lines.map(([name, text]) => `  ${name!.padEnd(9)} ${text}`).join("\n")}\n\n`;
}

function planLine({ info, plan }: Served): string {
  const layout = plan.kvLayout === "per-sequence" ? "one KV cache per slot" : "one KV cache for all";
  const threads = plan.threads === 1 ? "1 thread" : `${plan.threads} threads`;
  const slots = plan.slots === 1 ? "1 slot" : `${plan.slots} slots`;
  return [threads, `${slots} x ${info.contextPerSlot} tokens`, layout, info.library, `CPU ${info.cpuVariant}`].join(
    " · ",
  );
}

/** Base models have no chat template; they continue a text. Keys are not printed. */
function curl({ url, modelId, hasChatTemplate, needsKey }: Served): string {
  const [path, question] = hasChatTemplate
    ? ["chat/completions", { messages: [{ role: "user", content: "Tell me about rivers." }] }]
    : ["completions", { prompt: "The river runs" }];
  const body = JSON.stringify({ model: modelId, ...question, max_tokens: 64 });
  const key = needsKey ? ' -H "authorization: Bearer YOUR_KEY"' : "";
  return `curl ${url}/v1/${path} -H "content-type: application/json"${key} -d ${quoted(body)}`;
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
