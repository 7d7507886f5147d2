/** A client on a store in memory, without a runtime: tests land the turns themselves. */

import { encodeEvents, HISTORY_FORMAT } from "../../src/history/codec.ts";
import type { RecordedEvent } from "../../src/history/event.ts";
import { decodeMessage, type InstanceMessage } from "../../src/history/message.ts";
import { StoreHub } from "../../src/provider/hub.ts";
import type { HistoryRow, Provider } from "../../src/provider/provider.ts";
import { Client, type ClientOptions } from "../../src/client/client.ts";
import { StoreUnderTest } from "./sqlite-store.ts";

export interface ClientWorld {
  readonly store: StoreUnderTest;
  readonly client: Client;
  readonly hub: StoreHub;
}

export async function openWorld(options?: ClientOptions): Promise<ClientWorld> {
  const store = await StoreUnderTest.open("memory");
  const client = new Client(store.provider, options);
  return { store, client, hub: StoreHub.of(store.provider) };
}

/** The same store, some of whose methods do something else. */
export function withMethods(provider: Provider, methods: Partial<Provider>): Provider {
  return new Proxy(provider, {
    get(target, key) {
      const value: unknown = Reflect.get(Object.hasOwn(methods, key) ? methods : target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** What is queued for every instance, decoded; claims them. */
export async function queued(store: StoreUnderTest): Promise<Record<string, InstanceMessage[]>> {
  const claimed = await store.claim();
  return Object.fromEntries(
    claimed.map((one) => [one.instanceId, one.messages.map(({ body }) => decodeMessage(body))]),
  );
}

/** The events of one turn as a row of history. */
export function turnOf(events: readonly RecordedEvent[], executionId = 1): HistoryRow {
  return {
    executionId,
    firstEventId: events[0]!.eventId,
    lastEventId: events.at(-1)!.eventId,
    eventCount: events.length,
    timestampMs: events[0]!.timestampMs,
    format: HISTORY_FORMAT,
    data: encodeEvents(events),
  };
}
