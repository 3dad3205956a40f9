import { byId } from "./element.ts";
import { schemaText, type Schema } from "./schema-text.ts";

interface Content {
  readonly content: { readonly "application/json"?: { readonly schema: Schema } };
}

interface Operation {
  readonly summary: string;
  readonly requestBody?: Content;
  readonly responses: { readonly 200: Content };
}

interface ApiDocument {
  readonly paths: Readonly<Record<string, { readonly get?: Operation; readonly post?: Operation }>>;
}

const key = byId("key", HTMLInputElement);
byId("key-form", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
byId("base", HTMLElement).textContent = new URL("v1", document.baseURI).href;
void showOperations(byId("operations", HTMLElement));

/** Paths are relative, so that the page also works below a path of a proxy. */
async function showOperations(list: HTMLElement): Promise<void> {
  const api = (await (await fetch("openapi.json")).json()) as ApiDocument;
  for (const [path, { get, post }] of Object.entries(api.paths)) {
    if (get !== undefined) list.append(operationNode("GET", path, get));
    if (post !== undefined) list.append(operationNode("POST", path, post));
  }
}

function operationNode(method: string, path: string, operation: Operation): HTMLElement {
  const name = element("code", `${method} ${path}`);
  const parts = [element("summary", name, ` ${operation.summary}`)];
  const request = schemaIn(operation.requestBody);
  const answer = schemaIn(operation.responses[200]);
  if (request !== undefined) parts.push(element("h2", "Request"), fieldsNode(request));
  if (answer !== undefined) parts.push(element("h2", "Answer"), fieldsNode(answer));
  return element("details", ...parts, ...tryNodes(method, path, request));
}

function schemaIn(content: Content | undefined): Schema | undefined {
  return content?.content["application/json"]?.schema;
}

function fieldsNode({ properties = {}, required = [] }: Schema): HTMLElement {
  const rows = Object.entries(properties).map(([name, field]) =>
    element(
      "tr",
      element("td", element("code", name), required.includes(name) ? " *" : ""),
      element("td", schemaText(field)),
      element("td", field.description ?? ""),
    ),
  );
  return element("table", element("tr", ...["field", "accepted", ""].map((title) => element("th", title))), ...rows);
}

/** A body to be changed and sent, and the answer below it. */
function tryNodes(method: string, path: string, request: Schema | undefined): readonly HTMLElement[] {
  const body = element("textarea", request === undefined ? "" : exampleOf(request));
  body.rows = 6;
  body.ariaLabel = `Body of ${path}`;
  const send = element("button", "Send");
  const answer = element("pre");
  answer.hidden = true;
  send.addEventListener("click", () => {
    answer.hidden = false;
    answer.textContent = "";
    void ask(path, method === "POST" ? body.value : undefined, answer);
  });
  if (path.includes("{")) return [];
  return request === undefined ? [send, answer] : [element("h2", "Try it"), body, send, answer];
}

function exampleOf({ properties = {} }: Schema): string {
  const examples = {
    messages: [{ role: "user", content: "Why is the sky blue?" }],
    prompt: "Once upon a time",
    content: "Hello, world",
    tokens: [1, 2, 3],
    max_tokens: 32,
  };
  return JSON.stringify(Object.fromEntries(Object.entries(examples).filter(([name]) => name in properties)), null, 2);
}

async function ask(path: string, body: string | undefined, answer: HTMLElement): Promise<void> {
  const headers = new Headers();
  if (body !== undefined) headers.set("content-type", "application/json");
  if (key.value !== "") headers.set("authorization", `Bearer ${key.value}`);
  try {
    const response = await fetch(path.slice(1), {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body ?? null,
    });
    const pieces = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) answer.append(piece.value);
  } catch {
    answer.append("The server cannot be reached.");
  }
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}
