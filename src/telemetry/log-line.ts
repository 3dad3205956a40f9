interface LogEntry {
  readonly time: string;
  readonly level: string;
  readonly msg?: string;
  readonly err?: { readonly type?: string; readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

/** A JSON log line as people read it: `12:00:01.234 info  request method=POST status=200`. */
export function formatLogLine(line: string): string {
  const { time, level, msg, err, ...fields } = JSON.parse(line) as LogEntry;
  const parts = [time.slice(11, 23), level.padEnd(5)];
  if (msg !== undefined) parts.push(escaped(msg));
  for (const [name, value] of Object.entries(fields)) parts.push(`${name}=${fieldText(value)}`);
  const stack = err === undefined ? "" : `\n${(err.stack ?? err.message ?? "").split("\n").map(escaped).join("\n")}`;
  return `${parts.join(" ")}${stack}\n`;
}

/** Quoted where blanks or equal signs could be taken for the next field. */
function fieldText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return escaped(/[\s"=]/.test(text) ? JSON.stringify(text) : text);
}

/** Without characters that forge a line or move the cursor: parts of a line may come from clients. */
function escaped(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}
