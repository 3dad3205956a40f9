import { ApiError, keepKey, listModels } from "./api.ts";
import { Chat } from "./chat.ts";
import { byId } from "./element.ts";
import { Settings } from "./settings.ts";

const model = byId("model", HTMLSelectElement);
const message = byId("message", HTMLTextAreaElement);
const send = byId("send", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const notice = byId("notice", HTMLElement);
const keyForm = byId("key-form", HTMLFormElement);
const key = byId("key", HTMLInputElement);
const welcome = byId("welcome", HTMLElement);

const settings = new Settings();
const chat = new Chat({
  settings: () => {
    const filled = settings.read();
    return filled && { system: filled.system, request: { model: model.value, ...filled.parameters } };
  },
  onRefusedKey: askForKey,
  onRunning: (running) => {
    send.hidden = running;
    stop.hidden = !running;
  },
});

async function showModels(): Promise<void> {
  try {
    const models = await listModels();
    model.replaceChildren(...models.map(({ id }) => new Option(id)));
    model.disabled = false;
    notice.hidden = true;
    if (keyForm.hidden) return;
    keyForm.hidden = true;
    message.focus();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return askForKey(error.message);
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = "Try again";
    again.addEventListener("click", () => void showModels());
    notice.replaceChildren(error.message, " ", again);
    notice.hidden = false;
  }
}

function askForKey(why: string): void {
  notice.textContent = why;
  notice.hidden = false;
  keyForm.hidden = false;
  key.focus();
}

function submit(): void {
  if (model.disabled || message.value.trim() === "" || !chat.ask(message.value)) return;
  message.value = "";
  welcome.hidden = true;
}

byId("composer", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
  message.focus();
});
message.addEventListener("keydown", (event) => {
  // While an input method composes a word, Enter is its own.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") chat.stop();
});
stop.addEventListener("click", () => {
  chat.stop();
  message.focus();
});
byId("new-chat", HTMLButtonElement).addEventListener("click", () => {
  chat.clear();
  welcome.hidden = false;
  message.focus();
});
keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(key.value.trim());
  key.value = "";
  void showModels();
});

message.focus();
void showModels();
