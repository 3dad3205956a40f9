import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { failure } from "../core/errors.ts";

const problems: Readonly<Record<string, string>> = {
  EACCES: "no permission for this port",
  EADDRNOTAVAIL: "this machine does not have that address",
  ENOTFOUND: "there is no such host",
};

interface Address {
  readonly host: string;
  /** 0 = any that is free. */
  readonly port: number;
}

/** Makes the server reachable; returns where. Throws `port_in_use` or `invalid_config`. */
export async function listen(server: FastifyInstance, { host, port }: Address): Promise<string> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") throw failure("port_in_use", { host, port }, error);
    const problem = `cannot listen on ${host}:${port}: ${problems[code] ?? message}`;
    throw failure("invalid_config", { problem }, error);
  }
  const name = ["0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${(server.server.address() as AddressInfo).port}`;
}
