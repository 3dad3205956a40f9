export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface Turn {
  readonly question: string;
  /** So far; "" = none came. */
  answer: string;
  /** What was thought before it; "" = nothing. */
  thought: string;
}

/** What the model is told: what was answered before, even in part, and the last question. */
export function toMessages(system: string, turns: readonly Pick<Turn, "question" | "answer">[]): Message[] {
  const told = turns.filter(({ answer }, index) => answer !== "" || index === turns.length - 1);
  return [
    ...(system.trim() === "" ? [] : [{ role: "system" as const, content: system }]),
    ...told.flatMap(({ question, answer }, index) => [
      { role: "user" as const, content: question },
      ...(index < told.length - 1 ? [{ role: "assistant" as const, content: answer }] : []),
    ]),
  ];
}
