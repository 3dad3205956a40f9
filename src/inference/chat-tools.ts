import type { ChatMessage, ChatPrompt, Tool } from "../core/generation.ts";

type Conversation = Pick<ChatPrompt, "messages" | "tools">;

/**
 * A conversation with tools as a template can show it: as it is where the template knows tools, and a form of calls that
 * can be read; else in plain messages, with an instruction to call in the form that most models know.
 */
export function withTools({ messages, tools = [] }: Conversation, template: string): Conversation {
  const hasCalls = messages.some(({ role, tool_calls: calls }) => role === "tool" || calls !== undefined);
  if (tools.length === 0 && !hasCalls) return { messages };
  if (knowsTools(template)) return { messages, ...(tools.length > 0 && { tools }) };
  const plain = inPlainTurns(messages);
  return { messages: tools.length === 0 ? plain : withInstruction(plain, instruction(tools)) };
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

/** In the system message, for not every template takes two. */
function withInstruction(messages: readonly ChatMessage[], text: string): ChatMessage[] {
  const [first, ...others] = messages;
  if (first?.role === "system") return [{ ...first, content: `${first.content}\n\n${text}` }, ...others];
  return [{ role: "system", content: text }, ...messages];
}

/** Results of calls are the user's turn: of those that follow each other one, as many templates want the roles in turn. */
function inPlainTurns(messages: readonly ChatMessage[]): ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role !== "tool") turns.push(withWrittenCalls(message));
    else {
      const before = messages[index - 1]?.role === "tool" ? `${turns.pop()!.content}\n` : "";
      turns.push({ role: "user", content: `${before}<tool_response>\n${message.content}\n</tool_response>` });
    }
  }
  return turns;
}

function withWrittenCalls({ tool_calls: calls = [], content, ...message }: ChatMessage): ChatMessage {
  const written = calls.map(({ function: { name, arguments: given } }) => {
    const values = typeof given === "string" ? given : JSON.stringify(given);
    return `<tool_call>\n{"name":${JSON.stringify(name)},"arguments":${values}}\n</tool_call>`;
  });
  return { ...message, content: [content, ...written].filter((part) => part !== "").join("\n") };
}
