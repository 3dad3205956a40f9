/** How the program can end. The table of docs/operations.md is made of this. */
export const exitCodes = {
  done: {
    code: 0,
    means: "done; `serve`: stopped by Ctrl-C or SIGTERM, and every request was answered",
    advice: "nothing",
  },
  failed: {
    code: 1,
    means: "failed for any other reason: no network, `doctor` found something, a fault of Millrace",
    advice: "read the line that begins with `error:`",
  },
  usage: {
    code: 2,
    means: "wrong usage: an unknown command, option, setting or model name, a value that is not accepted",
    advice: "correct it: starting again without that does not help",
  },
  portInUse: {
    code: 3,
    means: "the port is in use",
    advice: "stop the other program, or choose another `--port`",
  },
  modelNotLoadable: {
    code: 4,
    means:
      "the model cannot be had or loaded: damaged, too large for the memory, no source, an engine that does not start",
    advice:
      "`millrace doctor`; `millrace models pull` when the network is back; a smaller model, `--parallel` or `--context`",
  },
  cutOff: {
    code: 5,
    means: "`serve`: stopped, but the drain time was over before the last answers were",
    advice: "a longer `--drain-timeout`, or shorter answers; service managers may take it for success",
  },
  interrupted: {
    code: 130,
    means: "ended at once by a second signal; any other command: by the first",
    advice: "requests that ran were cut off; nothing, if that was meant",
  },
} as const satisfies Record<string, { code: number; means: string; advice: string }>;
