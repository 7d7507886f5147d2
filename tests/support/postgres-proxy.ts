/**
 * A proxy between a provider and PostgreSQL that understands just enough of the protocol to break a
 * connection at any message of a statement.
 */

import { connect, createServer, type Server, type Socket } from "node:net";

/** How a connection breaks. */
export type Breakage =
  /** It is closed. */
  | "cut"
  /** It is reset: RST in place of FIN. */
  | "reset"
  /** The server says that it ends the session, in one packet with the message, and closes. */
  | "fatal"
  /** Something answers that is not PostgreSQL. */
  | "garbage"
  /** A message of a known type with a wrong content. */
  | "nonsense"
  /** Nothing passes any more, and nobody says so. */
  | "silence";

export const BREAKAGES: readonly Breakage[] = [
  "cut",
  "reset",
  "fatal",
  "garbage",
  "nonsense",
  "silence",
];

export interface BreakingProxy {
  readonly url: string;
  /**
   * Cuts the next connection that sends a statement with this text, right before the n-th message
   * from then on is passed on; the statement's own message is the first, messages of both sides count.
   */
  cutAt(text: string, n: number): void;
  /** As {@link cutAt}, in any other way. */
  breakAt(text: string, n: number, how: Breakage): void;
  /** Breaks every connection that there is; those to come work. */
  breakAll(how: Breakage): void;
  /** From now on every new connection is silent; `false`: works again. */
  silenceNew(isSilent: boolean): void;
  /** Whether the cut has been made. */
  readonly hasCut: boolean;
  /** Connections that are open and silent, with the messages that each has swallowed from its client. */
  readonly swallowed: readonly number[];
  close(): Promise<void>;
}

interface Plan {
  readonly text: string;
  readonly n: number;
  readonly how: Breakage;
}

/** An ErrorResponse with severity FATAL, as `pg_terminate_backend` makes the server send it. */
const FATAL = message("E", "SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0");
const GARBAGE = Buffer.from("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
/** An authentication request of a kind that nobody knows. */
const NONSENSE = message("R", "\x7f\x7f\x7f\x7f");

export async function startProxy(target: string): Promise<BreakingProxy> {
  const { hostname, port } = new URL(target);
  const links = new Set<Link>();
  let plan: Plan | undefined;
  let hasCut = false;
  let isSilent = false;

  const server: Server = createServer((client) => {
    const link = new Link(client, connect(Number(port), hostname), {
      take(text) {
        if (plan === undefined || !text.includes(plan.text)) return undefined;
        const taken = plan;
        plan = undefined;
        return taken;
      },
      onBroken() {
        hasCut = true;
      },
    });
    links.add(link);
    client.on("close", () => links.delete(link));
    if (isSilent) link.break("silence");
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const url = new URL(target);
  url.port = String(typeof address === "object" ? address?.port : "");
  const breakAt = (text: string, n: number, how: Breakage): void => {
    plan = { text, n, how };
    hasCut = false;
  };
  return {
    url: url.href,
    breakAt,
    cutAt(text, n) {
      breakAt(text, n, "cut");
    },
    breakAll(how) {
      for (const link of links) link.break(how);
    },
    silenceNew(is) {
      isSilent = is;
    },
    get hasCut() {
      return hasCut;
    },
    get swallowed() {
      return [...links].filter((link) => link.isSilent).map((link) => link.swallowedCount);
    },
    async close() {
      for (const link of links) link.break("cut");
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface LinkHooks {
  /** Takes the plan, when this message is the one that it waits for. */
  take(message: Buffer): Plan | undefined;
  onBroken(): void;
}

/** One connection through the proxy. */
class Link {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #hooks: LinkHooks;
  #countdown: number | undefined;
  #how: Breakage = "cut";
  isSilent = false;
  swallowedCount = 0;

  constructor(client: Socket, upstream: Socket, hooks: LinkHooks) {
    this.#client = client;
    this.#upstream = upstream;
    this.#hooks = hooks;
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
    }
    this.#pipe(client, upstream, new Splitter(true));
    this.#pipe(upstream, client, new Splitter(false));
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => {
      if (!this.isSilent) client.destroy();
    });
  }

  /** @param last - What is sent along in the same packet */
  break(how: Breakage, last: Buffer = Buffer.alloc(0)): void {
    switch (how) {
      case "cut":
        this.#client.destroy();
        break;
      case "reset":
        this.#client.resetAndDestroy();
        break;
      case "fatal":
        this.#client.end(Buffer.concat([last, FATAL]));
        break;
      case "garbage":
        this.isSilent = true; // What listens there keeps the connection.
        this.#client.write(Buffer.concat([last, GARBAGE]));
        break;
      case "nonsense":
        this.isSilent = true;
        this.#client.write(Buffer.concat([last, NONSENSE]));
        break;
      case "silence":
        this.isSilent = true;
        break;
    }
    this.#upstream.destroy();
  }

  #pipe(from: Socket, to: Socket, splitter: Splitter): void {
    const isFromClient = from === this.#client;
    from.on("data", (data: Buffer) => {
      for (const message of splitter.add(data)) {
        if (this.isSilent && isFromClient) this.swallowedCount += 1;
        if (this.isSilent || !this.#mayPass(message, isFromClient)) continue;
        if (!to.destroyed) to.write(message);
      }
    });
  }

  #mayPass(message: Buffer, isFromClient: boolean): boolean {
    if (this.#countdown === undefined && isFromClient) {
      const plan = this.#hooks.take(message);
      if (plan === undefined) return true;
      this.#countdown = plan.n;
      this.#how = plan.how;
    }
    if (this.#countdown === undefined) return true;
    this.#countdown -= 1;
    if (this.#countdown !== 0) return true;
    this.#hooks.onBroken();
    this.break(this.#how, isFromClient ? undefined : message);
    return false;
  }
}

function message(type: string, content: string): Buffer {
  const buffer = Buffer.from(`${type}....${content}`, "latin1");
  buffer.writeUInt32BE(buffer.length - 1, 1);
  return buffer;
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
