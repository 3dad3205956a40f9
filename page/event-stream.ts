/** Takes the data of server-sent events out of a text that arrives in pieces of any size. */
export class EventStreamReader {
  #rest = "";

  /** The data of the events that are complete with this piece. */
  read(piece: string): string[] {
    const events = (this.#rest + piece).split("\n\n");
    this.#rest = events.pop()!;
    return events.flatMap((event) => {
      const data = event.split("\n").filter((line) => line.startsWith("data:"));
      return data.length === 0 ? [] : [data.map((line) => line.slice(5).trimStart()).join("\n")];
    });
  }
}
