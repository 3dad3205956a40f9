import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import { GenerationStream } from "./generation-stream.ts";
import type { HostMessage } from "./messages.ts";
import { Roster, type EngineDeath } from "./roster.ts";

const admitted: GenerationEvent = { type: "admitted", promptTokens: [1, 2] };
const delta = (...tokens: number[]): GenerationEvent => ({ type: "text-delta", text: "x", tokens });
const crash = (...running: string[]): EngineDeath => ({ running, byItself: true, problem: "it crashed" });
const killed: EngineDeath = { running: ["a", "b"], byItself: false, problem: "killed" };

function setUp() {
  const roster = new Roster();
  let sent: string[] = [];
  const tell = (message: HostMessage): void => {
    if (message.type === "submit") {
      const from = message.resume === undefined ? "start" : message.resume.tokens.join(" ");
      sent.push(`submit ${message.request.id} ${message.credit} from ${from}`);
    } else if (message.type === "credit") sent.push(`credit ${message.id} ${message.tokens}`);
    else if (message.type === "cancel") sent.push(`cancel ${message.id}`);
  };
  const add = (id: string, over: Partial<GenerationRequest> = {}) => {
    const abort = new AbortController();
    const request = { id, ...over } as GenerationRequest;
    const stream = new GenerationStream(request, { signal: abort.signal, connect: () => roster });
    const first = stream.next();
    first.catch(() => {});
    return { stream, abort, first };
  };
  const says = (id: string, ...events: GenerationEvent[]) => events.forEach((event) => roster.deliver({ id, event }));
  const ready = () => roster.onReady(tell);
  /** What was sent since the last look. */
  const look = (): string[] => {
    const messages = sent;
    sent = [];
    return messages;
  };
  return { roster, add, says, ready, look };
}

test("after a kill from outside all go on at once, each where it was; what was not admitted begins anew", () => {
  const { roster, add, says, ready, look } = setUp();
  ready();
  for (const id of ["a", "b", "c"]) add(id);
  says("a", admitted, delta(7), delta(8));
  says("b", admitted);
  look();
  expect(roster.onDeath(killed)).toEqual({ tokens: 2, taught: false });
  add("d");
  expect(look()).toEqual([]);
  ready();
  expect(look()).toEqual([
    "submit a 254 from 7 8",
    "submit b 256 from ",
    "submit c 256 from start",
    "submit d 256 from start",
  ]);
  expect(roster.onDeath(killed)).toEqual({ tokens: 0, taught: false });
});

test("after a crash those that ran are tried one by one, then all get the rest of their credit", () => {
  const { roster, add, says, ready, look } = setUp();
  ready();
  for (const id of ["a", "b", "c"]) add(id);
  for (const id of ["a", "b", "c"]) says(id, admitted, delta(7));
  roster.onDeath(crash("a", "b"));
  look();
  ready();
  expect(look()).toEqual(["submit a 2 from 7"]);
  says("a", delta(8));
  expect(look()).toEqual([]);
  says("a", delta(9));
  expect(look()).toEqual(["submit b 2 from 7"]);
  says("b", delta(8), delta(9));
  expect(look()).toEqual(["credit a 253", "credit b 253", "submit c 255 from 7"]);
});

test("the request that is being tokenized is a suspect too; one whose reader is slow computed nothing and is not", () => {
  const { roster, add, says, ready, look } = setUp();
  ready();
  for (const id of ["slow", "new", "newer"]) add(id);
  says("slow", admitted, delta(...Array.from({ length: 256 }, () => 7)));
  roster.onDeath(crash("slow"));
  look();
  ready();
  expect(look()).toEqual(["submit new 2 from start"]);
  says("new", admitted, delta(1), delta(2));
  expect(look().map((line) => line.slice(0, 12))).toEqual(["submit slow ", "credit new 2", "submit newer"]);
});

test("who crashes it alone ends with an error of its own; the next suspect is tried in the next process", async () => {
  const { roster, add, says, ready, look } = setUp();
  ready();
  const [a] = ["a", "b"].map((id) => add(id));
  for (const id of ["a", "b"]) says(id, admitted);
  roster.onDeath(crash("a", "b"));
  ready();
  expect(roster.onDeath(crash("a"))).toEqual({ tokens: 0, taught: true });
  await a!.first; // admitted
  await expect(a!.stream.next()).rejects.toMatchObject({ code: "poison_request" });
  look();
  ready();
  expect(look()).toEqual(["submit b 2 from "]);
  expect(roster.size).toBe(1);
});

test("a suspect that leaves makes way for the next; one that leaves while there is no engine is simply gone", () => {
  const { roster, add, says, ready, look } = setUp();
  ready();
  const [a, b] = ["a", "b", "c"].map((id) => add(id));
  for (const id of ["a", "b", "c"]) says(id, admitted);
  roster.onDeath(crash("a", "b", "c"));
  look();
  b!.abort.abort();
  expect(look()).toEqual([]);
  ready();
  look();
  a!.abort.abort();
  expect(look()).toEqual(["cancel a", "submit c 2 from "]);
});

test("when all are ended nothing more is sent, and what they held is forgotten", async () => {
  const { roster, add, ready, look } = setUp();
  ready();
  const { first } = add("a");
  look();
  roster.failAll(failure("shutting_down", undefined));
  await expect(first).rejects.toMatchObject({ code: "shutting_down" });
  expect(roster.size).toBe(0);
  roster.onReady(() => expect.unreachable());
});
