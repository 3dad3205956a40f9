import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { listenerOf } from "./listener.ts";
import { MemoryWatch, residentBytesOfTree } from "./memory-watch.ts";

describe.skipIf(process.platform !== "linux")("by /proc", () => {
  test("counts a process and its descendants", async () => {
    const before = residentBytesOfTree(process.pid);
    const child = spawn(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1000)"]);
    try {
      await once(child.stdout, "data");
      expect(residentBytesOfTree(child.pid!)).toBeGreaterThan(2 ** 24);
      expect(residentBytesOfTree(process.pid)).toBeGreaterThan(before + 2 ** 23);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    expect(residentBytesOfTree(child.pid!)).toBe(0);
  });

  test("remembers the most", () => {
    using watch = new MemoryWatch(process.pid);
    expect(watch.peak()).toBeGreaterThan(2 ** 24);
    using other = new MemoryWatch(2 ** 30);
    expect(other.peak()).toBeUndefined();
  });

  test("finds who listens at a URL of this machine", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    expect(listenerOf(`http://127.0.0.1:${port}/v1`)).toBe(process.pid);
    expect(listenerOf(`http://localhost:${port}`)).toBe(process.pid);
    expect(listenerOf(`http://192.0.2.1:${port}`)).toBeUndefined();
    server.close();
    await once(server, "close");
    expect(listenerOf(`http://127.0.0.1:${port}`)).toBeUndefined();
  });
});
