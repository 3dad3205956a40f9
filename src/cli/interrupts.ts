import { isatty } from "node:tty";
import { exitCodes } from "../core/exit-codes.ts";

/** npm passes a Ctrl-C on that the terminal has sent to its child already: within this time it is the same one. */
const echoMs = 150;

/** Why a command ended without an error of its own. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  override readonly message = "interrupted";
}

/** `signal` aborts at the first Ctrl-C or SIGTERM. Disposed, both have their usual effect again: the process ends. */
interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Lets a command end in order at the first Ctrl-C or SIGTERM; the second ends the process at once. With `onHangup`, a
 * SIGHUP calls that, unless it comes from a terminal that was closed: then it is like a SIGTERM.
 */
export function abortOnInterrupt(onHangup?: () => void): Interrupts {
  const controller = new AbortController();
  let first: number | undefined;
  const interrupt = () => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      controller.abort(new Interrupted());
    } else if (now - first > echoMs) process.exit(exitCodes.interrupted.code);
  };
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  const hangUp = () => {
    if (!terminals.every((fd) => isatty(fd))) interrupt();
    else if (first === undefined) onHangup?.();
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  if (onHangup !== undefined) process.on("SIGHUP", hangUp);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => void process.off("SIGINT", interrupt).off("SIGTERM", interrupt).off("SIGHUP", hangUp),
  };
}
