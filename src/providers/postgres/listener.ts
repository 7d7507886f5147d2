/**
 * Learns of what other processes change.
 *
 * I1. The connection and its timers exist only while there is a listener, and a little longer: a caller
 *     that waits often does not connect as often.
 * I2. Our own commits are not reported: their news is known in this process already.
 * I3. Whatever may have been missed (before the connection listens, while it was broken, a pooler that
 *     passes nothing on) is made up for: as soon as it listens, and every `pollMs`, every listener is called
 *     to look.
 * I4. A connection that is silently gone is noticed: it is asked every `probeMs`, one question at a
 *     time, and replaced when it does not answer within `PROBE_LIMIT_MS`.
 */

import { createDeferred } from "../../foundation/deferred.ts";
import { toTimerMs } from "../../foundation/timer.ts";
import { host, type TimerHandle } from "../../foundation/host.ts";
import type { StoreChange } from "../../provider/provider.ts";
import { unescapeText } from "../../provider/texts.ts";
import type { Connection, Connections } from "./connections.ts";
import type { PgNotification } from "./driver.ts";

type Listener = (change: StoreChange) => void;

const ANYTHING: StoreChange = { hasWork: true };
/** How long the connection is kept for the next one who listens. */
const LINGER_MS = 10_000;
const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 10_000;
/** Between two questions: twice per `pollMs` within these bounds. */
const PROBE_MS_MIN = 1_000;
const PROBE_MS_MAX = 30_000;
/** An empty query: the server answers without a statement to run or to count. */
const PROBE = "";
/** How long an answer may take. */
const PROBE_LIMIT_MS = 5_000;

export interface ChangeListenerOptions {
  readonly connections: Connections;
  readonly channel: string;
  /** This process's name in notifications. */
  readonly writer: string;
  readonly hasNotifications: boolean;
  readonly pollMs: number;
  /** Longest wait for an answer, in milliseconds. */
  readonly timeoutMs: number;
  /** A number that every commit of another process changes; asked where there are no notifications. */
  readonly readVersion: () => Promise<string>;
}

export class ChangeListener {
  readonly #options: ChangeListenerOptions;
  readonly #listeners = new Set<Listener>();
  #timer: TimerHandle | undefined;
  #isPolling = false;
  #session: Promise<void> | undefined;
  #hangUp: (() => void) | undefined;
  #lingering: TimerHandle | undefined;
  #isClosed = false;
  #version: string | undefined;

  constructor(options: ChangeListenerOptions) {
    this.#options = options;
  }

  /** @returns A function that ends this watch */
  add(listener: Listener): () => void {
    // The same function may listen twice.
    const entry: Listener = (change) => listener(change);
    this.#listeners.add(entry);
    host.clearTimeout(this.#lingering);
    this.#lingering = undefined;
    this.#start();
    return () => {
      this.#listeners.delete(entry);
      if (this.#isClosed || this.#isWanted) return;
      this.#lingering = host
        .setTimeout(() => {
          this.#stop();
        }, LINGER_MS)
        .unref();
    };
  }

  /** Every listener is called once more: the next read says that the store is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#tell(ANYTHING);
    this.#listeners.clear();
    this.#stop();
    await this.#session;
  }

  get #isWanted(): boolean {
    return !this.#isClosed && (this.#listeners.size > 0 || this.#lingering !== undefined);
  }

  #start(): void {
    const { hasNotifications, pollMs } = this.#options;
    this.#timer ??= host.setInterval(() => void this.#poll(), toTimerMs(pollMs)).unref();
    if (!hasNotifications || this.#session !== undefined) return;
    this.#session = this.#listen().finally(() => {
      this.#session = undefined;
      if (this.#isWanted) this.#start();
    });
  }

  #stop(): void {
    host.clearTimeout(this.#lingering);
    this.#lingering = undefined;
    host.clearInterval(this.#timer);
    this.#timer = undefined;
    this.#hangUp?.();
  }

  #tell(change: StoreChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  /** Never rejects. */
  async #poll(): Promise<void> {
    if (this.#options.hasNotifications || (await this.#hasChanged())) this.#tell(ANYTHING);
  }

  /** One question at a time; while a server does not answer nothing piles up. */
  async #hasChanged(): Promise<boolean> {
    if (this.#isPolling) return false;
    this.#isPolling = true;
    try {
      const version = await this.#options.readVersion();
      const hasChanged = version !== this.#version;
      this.#version = version;
      return hasChanged;
    } catch {
      return true; // Unknown is a change: the listener's own call then gets the error and reports it.
    } finally {
      this.#isPolling = false;
    }
  }

  /** Never rejects. */
  async #listen(): Promise<void> {
    for (let delayMs = RECONNECT_MS_MIN; this.#isWanted;) {
      const end = createDeferred<undefined>();
      this.#hangUp = () => {
        end.resolve(undefined);
      };
      const isConnected = await this.#connect(end.promise);
      delayMs = isConnected ? RECONNECT_MS_MIN : Math.min(delayMs * 2, RECONNECT_MS_MAX);
      await pause(delayMs, end.promise);
    }
  }

  /** @returns Whether there was a connection, once it has ended */
  async #connect(end: Promise<unknown>): Promise<boolean> {
    const { connections, channel } = this.#options;
    let connection: Connection;
    try {
      connection = await connections.take();
    } catch {
      return false;
    }
    const { client } = connection;
    client.on("error", this.#onError);
    client.on("notification", this.#onNotification);
    try {
      await connection.query({ text: `listen "${channel}"` });
      this.#tell(ANYTHING); // (I3)
      await this.#watchOver(connection, end);
      return true;
    } catch {
      return false;
    } finally {
      client.removeListener("notification", this.#onNotification);
      connection.destroy(); // A connection that listens serves no other purpose.
    }
  }

  /** (I4) Returns when the connection is wanted no longer; rejects when it does not answer. */
  async #watchOver(connection: Connection, end: Promise<unknown>): Promise<void> {
    const { pollMs, timeoutMs } = this.#options;
    const probeMs = Math.min(Math.max(pollMs / 2, PROBE_MS_MIN), PROBE_MS_MAX);
    const limitMs = Math.min(timeoutMs, PROBE_LIMIT_MS);
    const silent = createDeferred<undefined>();
    let isAsking = false;
    const timer = host
      .setInterval(() => {
        if (isAsking) return;
        isAsking = true;
        connection.query({ text: PROBE }, limitMs).then(() => {
          isAsking = false;
        }, silent.reject);
      }, toTimerMs(probeMs))
      .unref();
    try {
      await Promise.race([end, silent.promise]);
    } finally {
      host.clearInterval(timer);
    }
  }

  readonly #onError = (): void => this.#hangUp?.();

  readonly #onNotification = (message: PgNotification): void => {
    if (message.channel !== this.#options.channel) return;
    const change = parsePayload(message.payload ?? "", this.#options.writer);
    if (change !== undefined) this.#tell(change);
  };
}

/** @returns Undefined for our own */
function parsePayload(payload: string, writer: string): StoreChange | undefined {
  try {
    const { w, k, i } = JSON.parse(payload) as {
      readonly w: string | null;
      readonly k: boolean;
      readonly i?: readonly string[] | null;
    };
    if (w === writer) return undefined; // (I2)
    return {
      hasWork: k,
      ...(i !== undefined && { instanceIds: (i ?? []).map(unescapeText) }),
    };
  } catch {
    return ANYTHING;
  }
}

async function pause(ms: number, end: Promise<unknown>): Promise<void> {
  const over = createDeferred<undefined>();
  const timer = host
    .setTimeout(() => {
      over.resolve(undefined);
    }, toTimerMs(ms))
    .unref();
  await Promise.race([over.promise, end]);
  host.clearTimeout(timer);
}
