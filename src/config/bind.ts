import { BlockList, isIP } from "node:net";
import { failure } from "../core/errors.ts";
import type { Config } from "./schema.ts";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Only this machine can reach it. A name other than localhost may point anywhere, so it does not count. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === "localhost";
  return loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** A server that other machines can reach needs a key; throws `open_bind` unless `insecure` says that none is meant. */
export function assertBindAllowed(config: Config): void {
  if (isLoopback(config.host) || config.apiKeys.length > 0 || config.insecure) return;
  throw failure("open_bind", { host: config.host });
}
