/** What native code and Node need of the server's environment. Keys and tokens are not among it. */
const passedOn = new Set([
  "PATH",
  "HOME",
  "MILLRACE_HOME",
  "LD_LIBRARY_PATH",
  "DYLD_LIBRARY_PATH",
  "TMPDIR",
  "TZ",
  "LANG",
  // Windows starts no process without these.
  "SYSTEMROOT",
  "WINDIR",
  "TEMP",
  "TMP",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA",
]);

/** The environment of an engine process: only what is known to be needed. */
export function childEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => {
    const known = name.toUpperCase();
    return passedOn.has(known) || known.startsWith("XDG_") || known.startsWith("LC_");
  });
  // A backtrace of a native assert starts a debugger in the dying process; the assert's text is enough.
  return { ...Object.fromEntries(kept), GGML_NO_BACKTRACE: "1" };
}
