/**
 * Keeps clients and pools of the driver from ending the process.
 *
 * An `error` event without a listener is thrown to the whole process, and so is what the driver throws
 * while it reads a message that it does not understand.
 *
 * I1. A client has a listener from its construction to its end, also between two queries and while it
 *     is handed over. One that a pool of the user has opened before gets it by the pool's `acquire`
 *     event, which comes before the pool lets go of it.
 * I2. What is thrown while data of the server is read closes that connection, and nothing else.
 * I3. Of each client and pool once, however many stores use them.
 */

import { isError } from "../../foundation/is-error.ts";
import type { PgClient, PgPool } from "./driver.ts";

/** A socket of the driver, or a stand-in. */
interface Stream {
  emit(event: string, ...values: unknown[]): boolean;
  destroy(error?: Error): unknown;
}

/** What the driver does not promise to have: where it has none, nothing is done. */
interface Insides {
  listeners?: (event: "error") => unknown[];
  readonly connection?: {
    readonly stream?: Partial<Stream>;
    attachListeners?: (stream: Stream) => void;
  };
}

interface PoolInsides {
  Client?: ClientClass;
}

type ClientClass = new (config: object) => PgClient;

/** Longest first message of a server, an error, in bytes; the driver of PostgreSQL itself says so, too. */
const FIRST_MESSAGE_MAX = 30_000;
/** What a server may say first: asks for a login, offers another version, refuses. */
const FIRST_MESSAGES = new Set(["R", "v", "E"]);
/** Node's code for a peer that breaks the protocol. */
export const NOT_POSTGRES = "EPROTO";

const guarded = new WeakSet<object>();
const broken = new WeakSet<PgClient>();

/** (I1) */
export function guardPool(pool: PgPool): void {
  if (guarded.has(pool)) return;
  guarded.add(pool);
  const insides = pool as PoolInsides;
  // A pool that is wrapped may show its class as a bound function, which no class can extend.
  const { Client } = insides;
  if (isClass(Client)) insides.Client = guarding(Client);
  // An idle connection that breaks reports here; the next query opens another one.
  pool.on("error", () => undefined);
  pool.on("connect", guardIfAny);
  pool.on("acquire", guardIfAny);
}

/** A pool that is wrapped may report clients without naming them; what throws here ends the process. */
function guardIfAny(client: PgClient | undefined): void {
  if (client !== undefined) guardClient(client);
}

function isClass(Client: ClientClass | undefined): Client is ClientClass {
  return typeof (Client?.prototype as Partial<PgClient> | undefined)?.query === "function";
}

/** The clients that a pool will open. */
function guarding(Client: ClientClass): ClientClass {
  return class extends Client {
    constructor(config: object) {
      super(config);
      guardClient(this);
      guardHandshake(this);
    }
  };
}

/** (I1, I3) */
export function guardClient(client: PgClient): void {
  const { listeners, connection } = client as Insides;
  // A pool that is wrapped may show a client as another object each time.
  if (listeners?.call(client, "error").includes(noteError) === true || guarded.has(client)) return;
  guarded.add(client);
  client.on("error", noteError);
  if (connection?.stream !== undefined) guardStream(connection.stream);
}

/** The query that is under way, or the next one, reports it. */
function noteError(this: unknown): void {
  broken.add(this as PgClient);
}

/** Whether its connection has reported an error. */
export function isBroken(client: PgClient): boolean {
  return broken.has(client);
}

/** Also what says goodbye to a dead server ends at once. */
export function destroyConnection(client: PgClient): void {
  (client as Insides).connection?.stream?.destroy?.();
}

/** Recognises a server that is not PostgreSQL by its first message, in the clear or within TLS. */
function guardHandshake(client: PgClient): void {
  const connection = (client as Insides).connection;
  const attach = connection?.attachListeners;
  if (connection === undefined || attach === undefined) return;
  connection.attachListeners = (stream) => {
    guardStream(stream);
    const emit = stream.emit.bind(stream);
    stream.emit = (event, ...values) => {
      if (event === "data") {
        stream.emit = emit;
        const [data] = values;
        if (Buffer.isBuffer(data) && !isFirstMessage(data)) {
          stream.destroy(notPostgres());
          return true;
        }
      }
      return emit(event, ...values);
    };
    attach.call(connection, stream);
  };
}

/** (I2) */
function guardStream(stream: Partial<Stream>): void {
  const { emit } = stream;
  if (emit === undefined || guarded.has(stream)) return;
  guarded.add(stream);
  stream.emit = (event, ...values) => {
    if (event !== "data") return emit.call(stream, event, ...values);
    try {
      return emit.call(stream, event, ...values);
    } catch (error) {
      stream.destroy?.(isError(error) ? error : new Error(String(error)));
      return true;
    }
  };
}

function isFirstMessage(data: Buffer): boolean {
  const isKnown = FIRST_MESSAGES.has(String.fromCharCode(data[0] ?? 0));
  return isKnown && (data.length < 5 || data.readUInt32BE(1) <= FIRST_MESSAGE_MAX);
}

function notPostgres(): Error {
  return Object.assign(new Error("The first message is not one of PostgreSQL's protocol"), {
    code: NOT_POSTGRES,
  });
}
