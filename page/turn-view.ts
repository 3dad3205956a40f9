import { copyButton, MarkdownView } from "./markdown-view.ts";

/** A question and its answer on the page. */
export class TurnView {
  readonly element = document.createElement("article");
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
    answered.append(unseen("Answer: "), this.#answer, this.#error, foot);
    this.element.append(asked, answered);
    this.begin();
  }

  begin(): void {
    this.element.classList.add("running");
    this.show("", "");
    this.#error.hidden = true;
    this.#actions.hidden = true;
  }

  show(text: string, facts: string): void {
    this.#text = text;
    this.#markdown.show(text);
    this.element.classList.toggle("waiting", text === "" && this.element.classList.contains("running"));
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
