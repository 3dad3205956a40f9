import { downloadFile, HubApiError } from "@huggingface/hub";
import type { HubSource } from "./catalogue.ts";
import type { SourceContext } from "./source.ts";
import { SourceProblem } from "./source-problem.ts";

/** How long the hub may take to begin an answer, and to send the next piece. Without network nobody waits long. */
const defaultPatience = { answerMs: 5000, stallMs: 30_000 };

/**
 * A file of the Hugging Face hub, or of the mirror in `HF_ENDPOINT`. `HF_TOKEN` goes to that host only: fetch drops the
 * header when a redirect leads elsewhere.
 */
export async function* streamFromHub(
  source: HubSource,
  context: SourceContext,
  patience = defaultPatience,
): AsyncGenerator<Uint8Array> {
  const hubUrl = (process.env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, "");
  const accessToken = process.env["HF_TOKEN"] || undefined;
  const connection = new Connection(new URL(hubUrl).host, context.signal);
  try {
    connection.expect(patience.answerMs, "did not answer");
    const blob = await downloadFile({
      repo: source.repo,
      path: source.path,
      revision: source.revision,
      hubUrl,
      fetch: connection.fetch,
      // One plain stream with a sum over it: nothing of the chunked protocol is worth a second code path here.
      xet: false,
      ...(accessToken === undefined ? {} : { accessToken }),
    });
    if (blob === null) throw new SourceProblem("there is no such file on the hub");
    if (blob.size !== source.bytes) {
      throw new SourceProblem(`the file there has ${blob.size} bytes instead of ${source.bytes}`);
    }
    connection.expect(patience.answerMs, "did not begin to send");
    let received = 0;
    for await (const chunk of blob.stream() as unknown as AsyncIterable<Uint8Array>) {
      connection.expect(patience.stallMs, "sent nothing");
      received += chunk.length;
      context.onReceived(received, source.bytes);
      yield chunk;
    }
  } catch (thrown) {
    throw connection.problem ?? statusProblem(thrown, `${hubUrl}/${source.repo}`) ?? thrown;
  } finally {
    connection.close();
  }
}

function statusProblem(thrown: unknown, page: string): SourceProblem | undefined {
  if (!(thrown instanceof HubApiError)) return undefined;
  switch (thrown.statusCode) {
    case 401:
    case 403:
      return new SourceProblem(
        `HTTP ${thrown.statusCode}: accept the model's licence at ${page} and set HF_TOKEN to a token that may read it`,
      );
    case 404:
      return new SourceProblem("HTTP 404: there is no such file on the hub");
    default:
      return new SourceProblem(`HTTP ${thrown.statusCode}`);
  }
}

/** Everything that one pull does over the network: ends with the caller's signal, a missed deadline, or `close`. */
class Connection {
  readonly #host: string;
  readonly #outer: AbortSignal;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#controller.abort(this.#outer.reason);
  #timer: NodeJS.Timeout | undefined;
  /** The deadline that was missed. */
  problem: SourceProblem | undefined;

  constructor(host: string, outer: AbortSignal) {
    this.#host = host;
    this.#outer = outer;
    outer.addEventListener("abort", this.#onAbort, { once: true });
  }

  readonly fetch: typeof fetch = (input, init) => fetch(input, { ...init, signal: this.#controller.signal });

  /** The next sign of life must come within `ms`. */
  expect(ms: number, what: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.problem = new SourceProblem(`${this.#host} ${what} within ${ms / 1000} s`);
      this.#controller.abort(this.problem);
    }, ms);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#onAbort);
    this.#controller.abort();
  }
}
