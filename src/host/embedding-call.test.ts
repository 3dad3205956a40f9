import { expect, test } from "vitest";
import { vectorToBase64, type EmbeddingEvent, type EmbeddingRequest } from "../core/embedding.ts";
import { EmbeddingCall } from "./embedding-call.ts";
import type { EngineEvent, HostMessage } from "./messages.ts";
import { Roster, type EngineDeath } from "./roster.ts";

const vectors = (tokens: number, ...firsts: number[]): EmbeddingEvent => ({
  type: "vectors",
  vectors: firsts.map((first) => vectorToBase64(Float32Array.of(first, 1))),
  tokens,
});
const crash = (...running: string[]): EngineDeath => ({ running, byItself: true, problem: "it crashed" });
const killed: EngineDeath = { running: [], byItself: false, problem: "killed" };

function setUp() {
  const roster = new Roster();
  let sent: string[] = [];
  const tell = (message: HostMessage): void => {
    if (message.type === "embed") {
      const texts = message.request.inputs.map((input) => (input.kind === "text" ? input.text : "tokens"));
      const of = message.credit < texts.length ? ` (${message.credit} of them)` : "";
      sent.push(`${message.again ? "again" : "embed"} ${message.request.id}: ${texts.join(" ")}${of}`);
    } else if (message.type === "credit") {
      sent.push(`credit ${message.id} ${message.tokens}`);
    } else if (message.type === "cancel") sent.push(`cancel ${message.id}`);
    else sent.push(message.type);
  };
  const ask = (id: string, ...texts: string[]) => {
    const abort = new AbortController();
    const inputs = texts.map((text) => ({ kind: "text", text }));
    const call = new EmbeddingCall({ id, inputs } as unknown as EmbeddingRequest, {
      signal: abort.signal,
      textsOfCall: 2,
      connect: () => roster,
    });
    const answer = call.run();
    answer.catch(() => {});
    return { abort, answer };
  };
  /** What was sent since the last look. */
  const look = (): string[] => sent.splice(0);
  const says = (id: string, event: EmbeddingEvent) => roster.deliver({ id, event } satisfies EngineEvent);
  return { roster, ask, says, look, ready: () => roster.onReady(tell) };
}

test("vectors are collected until there are all", async () => {
  const { roster, ask, says, look, ready } = setUp();
  ready();
  const { answer } = ask("a", "x", "y", "z");
  expect(look()).toEqual(["embed a: x y z"]);
  says("a", vectors(5, 1, 2));
  says("a", vectors(3, 3));
  const expected = [1, 2, 3].map((first) => Float32Array.of(first, 1));
  expect(await answer).toEqual({ vectors: expected, promptTokens: 8 });
  expect(roster.size).toBe(0);
});

test("what came before the engine's death is kept: the next one computes the rest", async () => {
  const { roster, ask, says, look, ready } = setUp();
  ready();
  const [first, second] = [ask("a", "x", "y", "z"), ask("b", "u")];
  says("a", vectors(5, 1, 2));
  look();
  expect(roster.onDeath(killed)).toEqual({ tokens: 5, taught: false });
  ready();
  expect(look()).toEqual(["again a: z", "again b: u"]);
  says("b", vectors(1, 9));
  says("a", vectors(3, 3));
  expect(await first.answer).toMatchObject({ promptTokens: 8, vectors: { length: 3 } });
  expect(await second.answer).toMatchObject({ promptTokens: 1 });
});

test("suspects are tried alone, and whoever kills the engine again is convicted", async () => {
  const { roster, ask, says, look, ready } = setUp();
  ready();
  const [good, bad] = [ask("good", "x", "y", "z"), ask("bad", "u")];
  look();
  roster.onDeath(crash("good", "bad"));
  const late = ask("late", "v");
  ready();
  expect(look()).toEqual(["again good: x y z (2 of them)"]);
  says("good", vectors(1, 1));
  expect(look()).toEqual([]);
  says("good", vectors(1, 2)); // it has survived two
  expect(look()).toEqual(["again bad: u"]);
  roster.onDeath(crash("bad"));
  await expect(bad.answer).rejects.toMatchObject({ code: "poison_request" });
  ready();
  expect(look()).toEqual(["again good: z", "embed late: v"]);
  says("good", vectors(1, 3));
  says("late", vectors(1, 4));
  await Promise.all([good.answer, late.answer]);
});

test("who has survived its trial waits, and is computed again when all trials are over", async () => {
  const { roster, ask, says, look, ready } = setUp();
  ready();
  const [many, few] = [ask("many", "x", "y", "z", "poison"), ask("few", "u")];
  roster.onDeath(crash("many", "few"));
  look();
  ready();
  says("many", vectors(2, 1, 2));
  expect(look()).toEqual(["again many: x y z poison (2 of them)", "again few: u"]);
  says("few", vectors(1, 3));
  await few.answer;
  expect(look()).toEqual(["credit many 2"]);
  roster.onDeath(crash("many"));
  ready();
  expect(roster.onDeath(crash("many"))).toEqual({ tokens: 0, taught: true });
  await expect(many.answer).rejects.toMatchObject({ code: "poison_request" });
});

test("of those that wait only the one whose texts are being tokenized is a suspect", async () => {
  const { roster, ask, says, look, ready } = setUp();
  ready();
  for (const id of ["running", "waiting", "bad"]) ask(id, "x");
  for (const id of ["running", "waiting"]) says(id, { type: "prepared" });
  roster.onDeath(crash("running"));
  look();
  ready();
  says("running", vectors(1, 1));
  expect(look()).toEqual(["again running: x", "again bad: x"]);
  roster.onDeath(crash()); // before anything was computed
  ready();
  expect(look()).toEqual(["again waiting: x"]);
});

test("who leaves in its trial may have killed the engine all the same: the next one is tried again", async () => {
  const { roster, ask, says, look, ready } = setUp();
  ready();
  const [poison, good] = [ask("poison", "x"), ask("good", "y")];
  roster.onDeath(crash("poison", "good"));
  ready();
  poison.abort.abort();
  look();
  expect(roster.onDeath(crash("poison"))).toMatchObject({ taught: false });
  ready();
  expect(look()).toEqual(["again good: y"]);
  says("good", vectors(1, 1));
  expect(await good.answer).toMatchObject({ promptTokens: 1 });
});

test("an abort frees the engine at once; one that came before takes nothing", async () => {
  const { roster, ask, says, look, ready } = setUp();
  ready();
  const { abort, answer } = ask("a", "x");
  abort.abort();
  await expect(answer).rejects.toMatchObject({ code: "request_cancelled" });
  expect(look()).toEqual(["embed a: x", "cancel a"]);
  expect(roster.size).toBe(0);
  says("a", vectors(1, 1)); // was on its way
  const call = new EmbeddingCall({ id: "b" } as EmbeddingRequest, {
    signal: abort.signal,
    textsOfCall: 2,
    connect: () => roster,
  });
  await expect(call.run()).rejects.toMatchObject({ code: "request_cancelled" });
  expect(look()).toEqual([]);
});
