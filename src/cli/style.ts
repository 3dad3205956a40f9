import { styleText } from "node:util";
import type { WriteStream } from "node:tty";

type Format = Parameters<typeof styleText>[0];

/** Colours for people: only on a terminal that has them, and not where `NO_COLOR` is set (https://no-color.org). */
export function styled(out: Pick<WriteStream, "isTTY">, format: Format, text: string): string {
  const { NO_COLOR, TERM } = process.env;
  return out.isTTY && !NO_COLOR && TERM !== "dumb" ? styleText(format, text, { validateStream: false }) : text;
}

/** Text of others as a terminal may show it: nothing in it moves the cursor or sets a title. */
export function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, "");
}
