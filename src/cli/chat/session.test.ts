import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { loadConfig } from "../../config/load-config.ts";
import { openEmbedded } from "./embedded-model.ts";
import { ChatSession } from "./session.ts";
import { completeCommand, takeLine } from "./slash-commands.ts";
import { timingInWords } from "./timed-answer.ts";

/** A conversation with the fake engine, and all that is written; lines go in one by one. */
async function aChat(engine = "fake") {
  const folder = mkdtempSync(join(tmpdir(), "millrace-chat-"));
  const { config } = loadConfig({ engine }, {});
  const written = { answers: "", remarks: "", stopped: 0 };
  const session = await ChatSession.start(async () => await openEmbedded(config), {
    answer: async (text) => void (written.answers += text),
    remark: (text) => void (written.remarks += `${text}\n`),
    answered: (_, stopped) => void (written.stopped += Number(stopped)),
  });
  return {
    session,
    written,
    file: (name: string) => join(folder, name),
    say: (line: string, signal = new AbortController().signal) => takeLine(session, line, signal),
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

test("questions and answers take turns; retry replaces the last answer", async () => {
  await using chat = await aChat();
  const { session, written, say } = chat;
  await say("/system Be brief.");
  await say("/params seed=1 max_tokens=5");
  await say("hello");
  const first = written.answers;
  expect(session.conversation.messages).toEqual([
    { role: "system", content: "Be brief." },
    { role: "user", content: "hello" },
    { role: "assistant", content: first },
  ]);
  await say("/retry");
  expect(written.answers).toBe(first + first);
  expect(session.conversation.length).toBe(2);
  await say("/params seed=off temperature=1");
  await say("/clear");
  expect(session.conversation).toMatchObject({
    length: 0,
    system: "Be brief.",
    parameters: { max_tokens: 5, temperature: 1 },
  });
  expect(await say("/exit")).toBe(false);
});

test("what was said until Ctrl-C stays; a question without an answer does not", async () => {
  await using chat = await aChat("fake?stepMs=40");
  const { session, written, say } = chat;
  const stop = new AbortController();
  const saying = say("a long story", stop.signal);
  await vi.waitFor(() => expect(written.answers).toMatch(/\w/), { interval: 5, timeout: 10_000 });
  stop.abort();
  await saying;
  expect(written).toMatchObject({ answers: expect.stringMatching(/\w/), stopped: 1 });
  expect(session.conversation.messages.at(-1)).toEqual({ role: "assistant", content: written.answers });
  await say("again", AbortSignal.abort());
  await expect(say("word ".repeat(5000))).rejects.toMatchObject({ code: "context_length_exceeded" });
  expect(session.conversation.length).toBe(2);
});

test("a conversation is saved, privately and never over another file, and loaded", async () => {
  await using chat = await aChat();
  const { session, say, file } = chat;
  await say("/params max_tokens=3");
  await say("hello");
  const before = session.conversation.messages;
  await say(`/save ${file("talk.json")}`);
  await expect(say(`/save ${file("talk.json")}`)).rejects.toThrow(/exists/);
  await say("/params max_tokens=off");
  await say("/clear");
  await say(`/load ${file("talk.json")}`);
  expect(session.conversation.messages).toEqual(before);
  expect(session.conversation.parameters).toEqual({ max_tokens: 3 });

  const saved = JSON.parse(readFileSync(file("talk.json"), "utf8")) as object;
  writeFileSync(file("odd.json"), JSON.stringify({ ...saved, messages: [{ role: "tool", content: 1 }] }));
  writeFileSync(file("text.json"), "hello");
  for (const name of ["odd.json", "text.json", "missing.json"])
    await expect(say(`/load ${file(name)}`)).rejects.toThrow(/cannot load/);
  expect(session.conversation.messages).toEqual(before);
});

test.each([
  ["/modle", /there is no command \/modle; did you mean \/model\?/],
  ["/xyzzy", /\/help lists them/],
  ["/params temprature=1", /did you mean temperature\?/],
  ["/params temperature=3", /accepted: a number from 0 to 2/],
  ["/params seed", /NAME=VALUE/],
  ["/save", /needs the name of a file/],
  ["/retry", /nothing was asked/],
])("%s helps", async (line, says) => {
  await using chat = await aChat();
  await expect(chat.say(line)).rejects.toThrow(says);
});

test("help names each command; a line with a blank before it is a question; tab completes", async () => {
  await using chat = await aChat();
  await chat.say("/help");
  for (const name of ["/system", "/model", "/params", "/save", "/load", "/retry", "/exit"])
    expect(chat.written.remarks).toContain(name);
  await chat.say(" /exit is a word");
  expect(chat.session.conversation.messages[0]!.content).toBe("/exit is a word");
  expect(completeCommand("/s")).toEqual([["/system", "/save"], "/s"]);
  expect(completeCommand("s")).toEqual([[], "s"]);
});

test("timing: the first token is the wait, the others are the rate", () => {
  expect(timingInWords({ firstMs: 120, streamMs: 1000, tokens: 41 })).toBe(
    "41 tokens · 40.0 tokens/s · first after 0.12 s",
  );
  expect(timingInWords({ firstMs: 120, streamMs: 0, tokens: 1 })).toBe("1 token · first after 0.12 s");
  expect(timingInWords({ firstMs: undefined, streamMs: 0, tokens: undefined })).toBe("");
});
