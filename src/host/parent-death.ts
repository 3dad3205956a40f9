import koffi from "koffi";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * Linux: asks the kernel to kill this process when its parent dies, even by SIGKILL, even while native code runs here.
 * Exits at once when the parent `expected` is already gone. (The kernel means the thread that started us: the server's
 * main thread, which lives as long as the server.) Elsewhere the service worker alone notices that the channel has ended.
 */
export function dieWithParent(expected: number): void {
  if (process.platform === "linux") {
    const prctl = koffi.load("libc.so.6").func("int prctl(int option, ulong a, ulong b, ulong c, ulong d)");
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  }
  if (process.ppid !== expected) process.exit(0);
}
