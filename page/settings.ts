import type { ChatRequest } from "./api.ts";
import { byId } from "./element.ts";

const parameters = ["temperature", "top_p", "max_tokens", "seed"] as const;

type Parameters = Pick<ChatRequest, (typeof parameters)[number]>;

/** The form beside the conversation; above it where there is no room. */
export class Settings {
  readonly #form = byId("settings", HTMLFormElement);
  readonly #toggle = byId("settings-toggle", HTMLButtonElement);
  readonly #system = byId("system", HTMLTextAreaElement);
  /** There is room for both. */
  readonly #besides = matchMedia("(min-width: 64rem)");

  constructor() {
    this.#toggle.addEventListener("click", () => this.#show(this.#form.hidden !== false));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#show(this.#besides.matches);
  }

  /** What is filled in, or undefined, and the browser says where, if something is no number. Ranges are the server's. */
  read(): { system: string; parameters: Parameters } | undefined {
    if (!this.#form.checkValidity()) {
      this.#show(true);
      this.#form.reportValidity();
      return undefined;
    }
    if (!this.#besides.matches) this.#show(false);
    const filled = parameters.filter((name) => this.#input(name).value !== "");
    const entries = filled.map((name) => [name, this.#input(name).valueAsNumber]);
    return { system: this.#system.value, parameters: Object.fromEntries(entries) as Parameters };
  }

  #input(name: (typeof parameters)[number]): HTMLInputElement {
    return byId(name.replace("_", "-"), HTMLInputElement);
  }

  #show(shown: boolean): void {
    this.#form.hidden = !shown;
    this.#toggle.setAttribute("aria-expanded", String(shown));
  }
}
