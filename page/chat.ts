import { AnswerTiming } from "./answer-timing.ts";
import { ApiError, streamChat, type ChatRequest } from "./api.ts";
import { toMessages, type Turn } from "./conversation.ts";
import { byId } from "./element.ts";
import { TurnView } from "./turn-view.ts";

export interface ChatParts {
  /** What to ask with, without the messages; undefined = not now, and the page says why. */
  readonly settings: () => { system: string; request: Omit<ChatRequest, "messages"> } | undefined;
  readonly onRefusedKey: (message: string) => void;
  readonly onRunning: (running: boolean) => void;
}

interface ShownTurn extends Turn {
  readonly view: TurnView;
}

/** The conversation: one question at a time, its answer as it comes. */
export class Chat {
  readonly #parts: ChatParts;
  readonly #page = byId("conversation", HTMLElement);
  readonly #list = byId("turns", HTMLElement);
  readonly #status = byId("status", HTMLElement);
  #turns: ShownTurn[] = [];
  #running: AbortController | undefined;

  constructor(parts: ChatParts) {
    this.#parts = parts;
  }

  /** Whether it was asked; not while another question is answered. */
  ask(question: string): boolean {
    const settings = this.#running === undefined ? this.#parts.settings() : undefined;
    if (settings === undefined) return false;
    const turn: ShownTurn = {
      question,
      thought: "",
      answer: "",
      view: new TurnView(question, () => this.#again(turn)),
    };
    this.#turns.push(turn);
    this.#list.append(turn.view.element);
    this.#page.scrollTop = this.#page.scrollHeight;
    void this.#answer(turn, settings);
    return true;
  }

  stop(): void {
    this.#running?.abort();
  }

  clear(): void {
    this.stop();
    this.#turns = [];
    this.#list.replaceChildren();
  }

  /** Answers the last question anew. */
  #again(turn: ShownTurn): void {
    const settings = this.#running === undefined ? this.#parts.settings() : undefined;
    if (settings === undefined) return;
    turn.thought = turn.answer = "";
    turn.view.begin();
    void this.#answer(turn, settings);
  }

  async #answer(turn: ShownTurn, { system, request }: NonNullable<ReturnType<ChatParts["settings"]>>): Promise<void> {
    const running = new AbortController();
    this.#setRunning(running);
    this.#status.textContent = "Answering";
    try {
      await this.#receive(turn, { ...request, messages: toMessages(system, this.#turns) }, running.signal);
      this.#keepEndInView(() => turn.view.end());
    } catch (error) {
      const problem = running.signal.aborted ? undefined : wordsOf(error);
      this.#keepEndInView(() => turn.view.end(problem));
      if (error instanceof ApiError && error.status === 401) this.#parts.onRefusedKey(error.message);
    } finally {
      this.#setRunning(undefined);
      this.#status.textContent = "The answer has ended";
    }
  }

  async #receive(turn: ShownTurn, request: ChatRequest, signal: AbortSignal): Promise<void> {
    const timing = new AnswerTiming(performance.now());
    let frame = 0;
    let ending: string | undefined;
    let tokens: number | undefined;
    const show = () => {
      frame = 0;
      const facts = [timing.describe(tokens), ending].filter(Boolean).join(" · ");
      this.#keepEndInView(() => turn.view.show(turn, facts));
    };
    try {
      for await (const { text = "", thought = "", finish, completionTokens } of streamChat(request, signal)) {
        if (text !== "" || thought !== "") timing.text(performance.now());
        turn.answer += text;
        turn.thought += thought;
        if (finish === "length") ending = "ended at its limit of tokens";
        tokens = completionTokens ?? tokens;
        frame ||= requestAnimationFrame(show);
      }
    } finally {
      cancelAnimationFrame(frame);
      if (signal.aborted) ending = "stopped";
      show();
    }
  }

  /** Who scrolled up to read is left there. */
  #keepEndInView(change: () => void): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#page;
    const atEnd = scrollHeight - scrollTop - clientHeight < 48;
    change();
    if (atEnd) this.#page.scrollTop = this.#page.scrollHeight;
  }

  #setRunning(running: AbortController | undefined): void {
    this.#running = running;
    this.#parts.onRunning(running !== undefined);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
