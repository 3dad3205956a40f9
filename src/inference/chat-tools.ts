import type { ChatMessage, ChatPrompt, Tool, ToolCall } from "../core/generation.ts";

type Conversation = Pick<ChatPrompt, "messages" | "tools">;

/**
 * A conversation with tools as a template can show it, in the forms to try until it refuses none: as it is where the template
 * knows tools, and a form of calls that can be read, the calls of one message together or one by one; else in plain messages,
 * with an instruction to call in the form that most models know, in the system message or in what the user said first.
 */
export function* toolForms({ messages, tools = [] }: Conversation, template: string): Generator<Conversation> {
  const hasCalls = messages.some(({ role, tool_calls: calls }) => role === "tool" || calls !== undefined);
  if (tools.length === 0 && !hasCalls) {
    yield { messages };
    return;
  }
  const ordered = withResultsInOrder(messages, "together");
  if (knowsTools(template)) {
    const known = tools.length > 0 && { tools };
    yield { messages: ordered, ...known };
    const hasSeveral = messages.some(({ tool_calls: calls = [] }) => calls.length > 1);
    if (hasSeveral) yield { messages: withResultsInOrder(messages, "one by one"), ...known };
  }
  const plain = inPlainTurns(ordered);
  if (tools.length === 0) {
    yield { messages: plain };
    return;
  }
  const text = instruction(tools);
  yield {
    messages: plain[0]?.role === "system" ? joined(plain, 0, text) : [{ role: "system", content: text }, ...plain],
  };
  const first = plain.findIndex(({ role }) => role === "user");
  if (first >= 0) yield { messages: joined(plain, first, text) };
}

/** The template tells of tools, and of calls as Hermes and Qwen or Llama 3 write them. */
function knowsTools(template: string): boolean {
  if (!/\btools\b/.test(template)) return false;
  const isMarkedJson = template.includes("<tool_call>") && !/<function=|<arg_key>/.test(template);
  return isMarkedJson || /\{\\?"name\\?": .{0,80}\\?"parameters\\?": /.test(template);
}

// Both as Hermes models were trained.

function instruction(tools: readonly Tool[]): string {
  const call = '{"name": <function-name>, "arguments": <args-json-object>}';
  return `You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
${tools.map((tool) => JSON.stringify(tool)).join("\n")}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
${call}
</tool_call>`;
}

/** The instruction joins a message, for not every template takes another: behind a system's text, before a user's. */
function joined(messages: readonly ChatMessage[], place: number, text: string): ChatMessage[] {
  const { role, content } = messages[place]!;
  const parts = role === "system" ? [content, text] : [text, content];
  return messages.with(place, { ...messages[place]!, content: parts.join("\n\n") });
}

/**
 * Results follow the message with the calls that they answer, in the order of those; `one by one` each call is a message of its
 * own, with its result behind it.
 */
function withResultsInOrder(messages: readonly ChatMessage[], calls: "together" | "one by one"): ChatMessage[] {
  const ordered: ChatMessage[] = [];
  for (let next = 0; next < messages.length;) {
    const message = messages[next++]!;
    const made = message.tool_calls ?? [];
    const begin = next;
    while (made.length > 0 && messages[next]?.role === "tool") next++;
    const results = resultsOf(made, messages.slice(begin, next));
    if (calls === "together" || made.length < 2) ordered.push(message, ...results.flat());
    else
      for (const [index, call] of made.entries()) {
        const own = index === 0 ? message : { role: message.role, content: "" };
        ordered.push({ ...own, tool_calls: [call] }, ...results[index]!);
      }
  }
  return ordered;
}

/** By the calls that they answer. Ids may come twice, or be wrong: nothing is lost. */
function resultsOf(calls: readonly ToolCall[], results: readonly ChatMessage[]): readonly ChatMessage[][] {
  const found = calls.map((): ChatMessage[] => []);
  for (const result of results) {
    const answered = found.filter((_, index) => calls[index]!.id === result.tool_call_id);
    (answered.find((one) => one.length === 0) ?? answered.at(-1) ?? found.at(-1)!).push(result);
  }
  return found;
}

/** Results of calls are the user's turn, with what the user says beside them: many templates want the roles in turn. */
function inPlainTurns(messages: readonly ChatMessage[]): ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const [index, message] of messages.entries()) {
    const turn = message.role === "tool" ? asUser(message) : withWrittenCalls(message);
    const before = turns.at(-1);
    const isBesideResult = message.role === "tool" || messages[index - 1]?.role === "tool";
    if (isBesideResult && before?.role === "user" && turn.role === "user")
      turns[turns.length - 1] = { ...before, content: `${before.content}\n${turn.content}` };
    else turns.push(turn);
  }
  return turns;
}

function asUser({ content }: ChatMessage): ChatMessage {
  return { role: "user", content: `<tool_response>\n${content}\n</tool_response>` };
}

function withWrittenCalls({ tool_calls: calls = [], content, ...message }: ChatMessage): ChatMessage {
  const written = calls.map(({ function: { name, arguments: given } }) => {
    const values = typeof given === "string" ? given : JSON.stringify(given);
    return `<tool_call>\n{"name":${JSON.stringify(name)},"arguments":${values}}\n</tool_call>`;
  });
  return { ...message, content: [content, ...written].filter((part) => part !== "").join("\n") };
}
