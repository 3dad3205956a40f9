import { expect, test } from "vitest";
import type { MillraceError } from "../core/errors.ts";
import type { ChatMessage, Tool, ToolCall } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { renderChat } from "./chat-template.ts";

/** A vocabulary of nothing but BOS and EOS. */
function vocabularyWith(chatTemplate: string | undefined, bos = "<s>", eos = "</s>"): Vocabulary {
  return {
    size: 2,
    maxPieceBytes: 4,
    bosToken: 0,
    eosToken: 1,
    controlTokens: [0, 1],
    chatTemplate,
    tokenize: () => new Int32Array(),
    piece: (token, special) => Buffer.from(special === true ? [bos, eos][token]! : ""),
    endsGeneration: (token) => token === 1,
  };
}

const talk: readonly ChatMessage[] = [
  { role: "user", content: "Hi" },
  { role: "assistant", content: "Hello." },
  { role: "user", content: "Bye" },
];
const system: ChatMessage = { role: "system", content: "Be brief." };

function errorOf(template: string | undefined, messages = talk): MillraceError {
  try {
    renderChat({ messages }, vocabularyWith(template), "m");
  } catch (error) {
    return error as MillraceError;
  }
  throw new Error("it rendered");
}

test("ChatML, as SmolLM2's file has it", () => {
  const template = `{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}`;
  const turns = `<|im_start|>user
Hi<|im_end|>
<|im_start|>assistant
Hello.<|im_end|>
<|im_start|>user
Bye<|im_end|>
<|im_start|>assistant
`;
  const named =
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" + turns;
  expect(renderChat({ messages: talk }, vocabularyWith(template), "m")).toBe(named);
  const own = `<|im_start|>system\nBe brief.<|im_end|>\n${turns}`;
  expect(renderChat({ messages: [system, ...talk] }, vocabularyWith(template), "m")).toBe(own);
});

const llamaTurn = (role: string, text: string) => `<|start_header_id|>${role}<|end_header_id|>\n\n${text}<|eot_id|>`;

test("Llama 3: BOS from the vocabulary, trimmed contents, the date from strftime_now", () => {
  const template = `{{- bos_token }}
{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none and tools is defined %}{{- "Environment: ipython\\n" }}{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}`;
  const rendered = renderChat(
    { messages: [system, { role: "user", content: "  Hi\n" }] },
    vocabularyWith(template, "<|begin_of_text|>"),
    "m",
  );
  expect(rendered.replace(/\d\d \w+ \d{4}/, "DATE")).toBe(
    `<|begin_of_text|>${llamaTurn("system", "Today Date: DATE\n\nBe brief.")}${llamaTurn("user", "Hi")}<|start_header_id|>assistant<|end_header_id|>\n\n`,
  );
});

const gemma = `{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<start_of_turn>model\n' }}
{%- endif -%}`;

test("Gemma 3: the system message goes into the first turn; roles that do not alternate are refused in its words", () => {
  expect(renderChat({ messages: [system, ...talk] }, vocabularyWith(gemma, "<bos>"), "m")).toBe(
    "<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n" +
      "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n",
  );
  const refused = errorOf(gemma, [talk[0]!, talk[0]!]);
  expect(refused).toMatchObject({ code: "template_failed" });
  expect(refused.message).toContain("Conversation roles must alternate");
});

test("Mistral: BOS and EOS around the turns", () => {
  const template = `{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}`;
  expect(renderChat({ messages: talk }, vocabularyWith(template), "m")).toBe(
    "<s>[INST] Hi [/INST]Hello.</s>[INST] Bye [/INST]",
  );
});

test("a template that is no template, or fails in the middle, is an error that says so", () => {
  expect(errorOf("{% for %}")).toMatchObject({ code: "template_failed" });
  expect(errorOf("{{ messages | no_such_filter }}").message).toContain("no_such_filter");
});

test("a base model has no template", () => {
  expect(errorOf(undefined)).toMatchObject({ code: "no_chat_template" });
});

test.each([
  ["{{ reasoning_effort }}", "low", "low"],
  ["{% if enable_thinking %}think{% endif %}", "high", "think"],
  ["{% if enable_thinking %}think{% endif %}", "none", ""],
] as const)("%j lets reasoning effort %j be chosen", (template, reasoningEffort, text) => {
  expect(renderChat({ messages: talk, reasoningEffort }, vocabularyWith(template), "m")).toBe(text);
});

test("a reasoning effort is refused by name where the template knows nothing of it", () => {
  const render = () => renderChat({ messages: talk, reasoningEffort: "low" }, vocabularyWith("a"), "m");
  expect(render).toThrow(
    "'reasoning_effort' is not supported: the chat template of model 'm' does not let it be chosen",
  );
});

const weather: Tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
const callIn = (city: string): ToolCall => ({
  id: city,
  type: "function",
  function: { name: "weather", arguments: { city } },
});
const called: readonly ChatMessage[] = [
  { role: "user", content: "Hi" },
  { role: "assistant", content: "", tool_calls: [callIn("Rome"), callIn("Paris")] },
  { role: "tool", tool_call_id: "Paris", content: "rainy" },
  { role: "tool", tool_call_id: "Rome", content: "sunny" },
  { role: "user", content: "So?" },
];
const alternates = `{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}`;
const instructed =
  /You may call .*<tools>\n\{"type":"function".*\n<\/tool_call>\n\nHi.*"Rome".*"Paris".*sunny.*rainy.*So\?/s;

test.each([
  [
    "Mistral 0.2",
    `{{ bos_token }}${alternates}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}`,
    instructed,
  ],
  [
    "Gemma 2",
    `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}${alternates}{{ message['content'] | trim }}{% endfor %}`,
    instructed,
  ],
  [
    "Llama 3.1",
    `{%- if tools is not none %}{{- 'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.' }}{%- endif %}
{%- for message in messages %}
  {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}{{- message['role'] + ': ' + message['content'] | trim }}
  {%- elif 'tool_calls' in message %}
    {%- if not message.tool_calls|length == 1 %}{{- raise_exception("This model only supports single tool-calls at once!") }}{%- endif %}
    {%- set tool_call = message.tool_calls[0].function %}{{- '{"name": "' + tool_call.name + '", "parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}
  {%- elif message.role == "tool" %}{{- message.content | tojson }}{%- endif %}
{%- endfor %}`,
    /Respond in .*user: Hi\{"name": "weather", "parameters": .*"Rome".*"sunny"\{"name": .*"Paris".*"rainy"user: So\?/s,
  ],
])("a conversation with calls is shown in a form that the template does not refuse: %s", (_name, template, shown) => {
  const prompt = { messages: called, tools: [weather] };
  expect(renderChat(prompt, vocabularyWith(template), "m")).toMatch(shown);
  expect(() =>
    renderChat({ ...prompt, messages: [system, ...called] }, vocabularyWith(alternates + "{% endfor %}"), "m"),
  ).toThrow(/alternate/);
});
