/** npm passes a Ctrl-C on that the terminal has sent to its child already: within this time it is the same one. */
const echoMs = 150;

/**
 * Aborts at the first Ctrl-C or SIGTERM, so that a command can end in order; the second ends the process at once, with
 * code 130. Until this is called both have their usual effect.
 */
export function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  let first: number | undefined;
  const interrupt = () => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      controller.abort();
    } else if (now - first > echoMs) process.exit(130);
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  return controller.signal;
}
