import { EventEmitter } from "node:events";

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { useFakeHost } from "../../../tests/support/fake-host.ts";
import type { StoreChange } from "../../provider/provider.ts";
import { Connections } from "./connections.ts";
import type { PgPoolClient, PgQuery, PgResult } from "./driver.ts";
import { ChangeListener } from "./listener.ts";

const ANSWER: PgResult = { rows: [], rowCount: 0 };

/** A client whose server can fall silent, without a word. */
class FakeClient extends EventEmitter {
  isSilent = false;
  isReleased = false;
  unansweredCount = 0;
  readonly texts: string[] = [];

  query({ text }: PgQuery): Promise<PgResult> {
    this.texts.push(text);
    if (!this.isSilent) return Promise.resolve(ANSWER);
    this.unansweredCount += 1;
    return new Promise(() => undefined);
  }

  release(): void {
    this.isReleased = true;
  }
}

class FakePool extends EventEmitter {
  readonly clients: FakeClient[] = [];

  connect(): Promise<PgPoolClient> {
    const client = new FakeClient();
    this.clients.push(client);
    return Promise.resolve(client as never);
  }

  end(): Promise<void> {
    return Promise.resolve();
  }
}

let pool: FakePool;
let listener: ChangeListener;
let heard: StoreChange[];

beforeEach(() => {
  useFakeHost({});
  pool = new FakePool();
  heard = [];
  listener = new ChangeListener({
    connections: new Connections(pool, { timeoutMs: 30_000, subject: "it" }),
    channel: "c",
    writer: "w",
    hasNotifications: true,
    pollMs: 3_600_000,
    timeoutMs: 30_000,
    readVersion: () => Promise.resolve("1"),
  });
});
afterEach(async () => {
  await listener.close();
});

describe("F9 a connection that is silently gone", () => {
  test("is replaced within 35 s, and what was missed is looked for at once", async () => {
    listener.add((change) => heard.push(change));
    await vi.advanceTimersByTimeAsync(60_000);
    const [first] = pool.clients as [FakeClient];
    expect(pool.clients).toHaveLength(1);
    first.isSilent = true;
    heard.length = 0;
    await vi.advanceTimersByTimeAsync(35_200);
    expect(first.isReleased).toBe(true);
    expect(pool.clients[1]?.texts).toEqual(['listen "c"']);
    expect(heard).toEqual([{ hasWork: true }]);
  });

  test("is asked one question at a time", async () => {
    listener.add(() => undefined);
    await vi.advanceTimersByTimeAsync(1_000);
    const [first] = pool.clients as [FakeClient];
    first.isSilent = true;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(first.unansweredCount).toBe(1);
  });

  test("is asked twice a minute while it answers", async () => {
    listener.add(() => undefined);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(pool.clients[0]?.texts.filter((text) => text === "")).toHaveLength(20);
  });

  test("that never answers `listen` is given up, too", async () => {
    pool.connect = () => {
      const client = new FakeClient();
      client.isSilent = pool.clients.length === 0;
      pool.clients.push(client);
      return Promise.resolve(client as never);
    };
    listener.add((change) => heard.push(change));
    await vi.advanceTimersByTimeAsync(31_000);
    expect(pool.clients[0]?.isReleased).toBe(true);
    expect(heard).toEqual([{ hasWork: true }]);
  });
});

test("F55 close() tells everybody once more, and waits for nobody who is silent", async () => {
  listener.add((change) => heard.push(change));
  await vi.advanceTimersByTimeAsync(100);
  for (const client of pool.clients) client.isSilent = true;
  heard.length = 0;
  await listener.close();
  expect(heard).toEqual([{ hasWork: true }]);
});
