/**
 * A proxy between a provider and PostgreSQL that understands just enough of the protocol to cut a
 * connection at any message of a statement.
 */

import { connect, createServer, type Server, type Socket } from "node:net";

export interface CuttingProxy {
  readonly url: string;
  /**
   * Cuts the next connection that sends a statement with this text, right before the n-th message
   * from then on is passed on; the statement's own message is the first, messages of both sides count.
   */
  cutAt(text: string, n: number): void;
  /** Whether the cut has been made. */
  readonly hasCut: boolean;
  close(): Promise<void>;
}

interface Plan {
  readonly text: string;
  readonly n: number;
}

export async function startProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let plan: Plan | undefined;
  let hasCut = false;

  const server: Server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    let countdown: number | undefined;
    const cut = (): void => {
      hasCut = true;
      client.destroy();
      upstream.destroy();
    };
    /** @returns Whether the message may pass */
    const mayPass = (message: Buffer, isFromClient: boolean): boolean => {
      if (countdown === undefined && isFromClient && plan !== undefined) {
        if (!message.includes(plan.text)) return true;
        countdown = plan.n;
        plan = undefined;
      }
      if (countdown === undefined) return true;
      countdown -= 1;
      if (countdown > 0) return true;
      cut();
      return false;
    };
    pipe(client, upstream, new Splitter(true), (message) => mayPass(message, true));
    pipe(upstream, client, new Splitter(false), (message) => mayPass(message, false));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const url = new URL(target);
  url.port = String(typeof address === "object" ? address?.port : "");
  return {
    url: url.href,
    cutAt(text, n) {
      plan = { text, n };
      hasCut = false;
    },
    get hasCut() {
      return hasCut;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pipe(
  from: Socket,
  to: Socket,
  splitter: Splitter,
  mayPass: (message: Buffer) => boolean,
): void {
  from.on("data", (data: Buffer) => {
    for (const message of splitter.add(data)) {
      if (!mayPass(message)) return;
      if (!to.destroyed) to.write(message);
    }
  });
  from.on("close", () => to.destroy());
}

/** Cuts a stream into messages: a type, then a length that counts itself; the client's first has no type. */
class Splitter {
  #rest = Buffer.alloc(0);
  #isFirst: boolean;

  constructor(isClient: boolean) {
    this.#isFirst = isClient;
  }

  add(data: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, data]);
    const messages: Buffer[] = [];
    for (;;) {
      const typeLength = this.#isFirst ? 0 : 1;
      if (this.#rest.length < typeLength + 4) return messages;
      const length = typeLength + this.#rest.readUInt32BE(typeLength);
      if (this.#rest.length < length) return messages;
      messages.push(this.#rest.subarray(0, length));
      this.#rest = this.#rest.subarray(length);
      this.#isFirst = false;
    }
  }
}
