/** No chunk of an answer is longer. In characters. */
const longestEvent = 4 * 1024 * 1024;

/**
 * Takes a `text/event-stream` as it comes, cut anywhere, and tells the data of each event as soon as it is complete.
 * Names, ids and comments are passed over, and an event that the end cut off is none. Lines end with LF or CRLF.
 */
export class EventParser {
  readonly #onData: (data: string) => void;
  #rest = "";
  #data: string | undefined;

  constructor(onData: (data: string) => void) {
    this.#onData = onData;
  }

  push(text: string): void {
    const all = this.#rest === "" ? text : this.#rest + text;
    let from = 0;
    for (let end = all.indexOf("\n"); end >= 0; end = all.indexOf("\n", from)) {
      this.#line(all.slice(from, all[end - 1] === "\r" ? end - 1 : end));
      from = end + 1;
    }
    this.#rest = all.slice(from);
    if (this.#rest.length + (this.#data?.length ?? 0) > longestEvent) throw new Error("an event is too long");
  }

  #line(line: string): void {
    if (line === "") {
      const data = this.#data;
      this.#data = undefined;
      if (data !== undefined) this.#onData(data);
    } else if (line.startsWith("data:")) {
      const value = line.slice(line[5] === " " ? 6 : 5);
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    }
  }
}
