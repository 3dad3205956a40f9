import type { Turn } from "./conversation.ts";
import { copyButton, MarkdownView } from "./markdown-view.ts";

/** A question and its answer on the page. */
export class TurnView {
  readonly element = document.createElement("article");
  readonly #thought = document.createElement("p");
  readonly #thoughts = document.createElement("details");
  readonly #answer = document.createElement("div");
  readonly #markdown = new MarkdownView(this.#answer);
  readonly #error = document.createElement("p");
  readonly #facts = document.createElement("span");
  readonly #actions = document.createElement("div");
  #text = "";

  constructor(question: string, onRetry: () => void) {
    const asked = document.createElement("p");
    asked.className = "question";
    asked.append(unseen("You: "), question);
    const answered = document.createElement("div");
    answered.className = "answer";
    const summary = document.createElement("summary");
    summary.textContent = "Thoughts";
    this.#thoughts.className = "thoughts";
    this.#thoughts.append(summary, this.#thought);
    this.#answer.className = "markdown";
    this.#error.className = "error";
    this.#error.role = "alert";
    const retry = document.createElement("button");
    retry.type = "button";
    retry.textContent = "Try again";
    retry.className = "retry";
    retry.addEventListener("click", onRetry);
    this.#actions.append(
      copyButton("Copy answer", () => this.#text),
      retry,
    );
    const foot = document.createElement("div");
    foot.className = "foot";
    foot.append(this.#facts, this.#actions);
    this.#facts.className = "facts";
    answered.append(this.#thoughts, unseen("Answer: "), this.#answer, this.#error, foot);
    this.element.append(asked, answered);
    this.begin();
  }

  begin(): void {
    this.element.classList.add("running");
    this.#thoughts.open = true;
    this.show({ thought: "", answer: "" }, "");
    this.#error.hidden = true;
    this.#actions.hidden = true;
  }

  /** Thoughts are open until the answer begins, and then as its reader wants. */
  show({ thought, answer }: Pick<Turn, "thought" | "answer">, facts: string): void {
    if (this.#text === "" && answer !== "") this.#thoughts.open = false;
    this.#thoughts.hidden = thought === "";
    this.#thought.textContent = thought.trim();
    this.#text = answer;
    this.#markdown.show(answer);
    this.element.classList.toggle("waiting", answer === "" && this.element.classList.contains("running"));
    this.#facts.textContent = facts;
  }

  /** `error`: why it is not whole, if it is not. */
  end(error?: string): void {
    this.element.classList.remove("running", "waiting");
    this.#actions.hidden = false;
    this.#error.hidden = error === undefined;
    this.#error.textContent = error ?? "";
  }
}

/** For those who hear the page and do not see who speaks. */
function unseen(text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = "unseen";
  element.textContent = text;
  return element;
}
