/** What the types of definitions promise to those who use a client. */

import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";

import {
  defineEvent,
  defineOrchestration,
  defineQueue,
  type Client,
  type CompletedStatus,
  type DeliveryOutcome,
  type FinishedStatus,
  type KnownStatus,
  type OrchestrationHandle,
  type OrchestrationStatus,
  type Transaction,
} from "duroxide-ts";

declare const client: Client;

interface Order {
  readonly id: string;
}
interface Receipt {
  readonly cents: number;
}

const pay = defineOrchestration("Pay", async (_ctx, order: Order): Promise<Receipt> => ({
  cents: order.id.length,
}));
const maybe = defineOrchestration("Maybe", async (_ctx, order?: Order) => order?.id);
const plain = defineOrchestration("Plain", async () => 1);
const checked = defineOrchestration({
  name: "Checked",
  input: z.object({ count: z.string().transform(Number) }),
  output: z.boolean(),
  run: async (_ctx, { count }) => count > 1,
});

describe("startOrchestration()", () => {
  test("takes the input of the definition and gives a handle on its output", () => {
    expectTypeOf(client.startOrchestration("a", pay, { id: "x" })).resolves.toEqualTypeOf<
      OrchestrationHandle<Receipt>
    >();
    expectTypeOf(client.startOrchestration("a", plain)).resolves.toEqualTypeOf<
      OrchestrationHandle<number>
    >();
    expectTypeOf(client.startOrchestration("a", maybe)).resolves.toEqualTypeOf<
      OrchestrationHandle<string | undefined>
    >();
    void client.startOrchestration("a", maybe, undefined, { startAfter: "5s" });
    void client.startOrchestration("a", pay, { id: "x" }, { version: undefined });
  });

  test("takes what a schema accepts and gives what a schema returns", () => {
    expectTypeOf(client.startOrchestration("a", checked, { count: "3" })).resolves.toEqualTypeOf<
      OrchestrationHandle<boolean>
    >();
    // @ts-expect-error The schema accepts a text.
    void client.startOrchestration("a", checked, { count: 3 });
  });

  test("refuses other input, and no input where some is wanted", () => {
    // @ts-expect-error Another type.
    void client.startOrchestration("a", pay, { id: 7 });
    // @ts-expect-error Nothing is given.
    void client.startOrchestration("a", pay);
    // @ts-expect-error No such policy.
    void client.startOrchestration("a", pay, { id: "x" }, { idReuse: "replace" });
    // @ts-expect-error No such duration.
    void client.startOrchestration("a", pay, { id: "x" }, { startAfter: "soon" });
  });

  test("takes a name with anything, and the output that the caller promises", () => {
    expectTypeOf(
      client.startOrchestration("a", "Pay", 7),
    ).resolves.toEqualTypeOf<OrchestrationHandle>();
    expectTypeOf(
      client.startOrchestration<Receipt>("a", "Pay", 7, { idReuse: "ignore" }),
    ).resolves.toEqualTypeOf<OrchestrationHandle<Receipt>>();
  });
});

describe("a handle", () => {
  test("has the output of its definition", () => {
    expectTypeOf(client.getHandle("a", pay).result()).resolves.toEqualTypeOf<Receipt>();
    expectTypeOf(client.getHandle("a", checked).result()).resolves.toEqualTypeOf<boolean>();
    expectTypeOf(client.getHandle("a").result()).resolves.toEqualTypeOf<unknown>();
    expectTypeOf(client.getHandle<number>("a").result()).resolves.toEqualTypeOf<number>();
  });
});

describe("raiseEvent(), enqueueEvent()", () => {
  const approval = defineEvent<{ readonly by: string }>("Approval");
  const poke = defineEvent<void>("Poke");
  const loose = defineEvent("Loose");
  const numbers = defineQueue("Numbers", z.number());

  test("take the data of the definition", () => {
    expectTypeOf(
      client.raiseEvent("a", approval, { by: "Mary" }),
    ).resolves.toEqualTypeOf<DeliveryOutcome>();
    void client.raiseEvent("a", poke);
    void client.raiseEvent("a", loose);
    void client.raiseEvent("a", loose, 7);
    void client.enqueueEvent("a", numbers, 7);
    void client.getHandle("a").raiseEvent(approval, { by: "Mary" });
    void client.getHandle("a").enqueueEvent(numbers, 7);
    void client.raiseEvent("a", "Anything", { at: 1 });
    void client.enqueueEvent("a", "Anything");
  });

  test("refuse other data, and none where some is wanted", () => {
    // @ts-expect-error Another type.
    void client.raiseEvent("a", approval, { by: 7 });
    // @ts-expect-error Nothing is given.
    void client.raiseEvent("a", approval);
    // @ts-expect-error Another type.
    void client.enqueueEvent("a", numbers, "7");
    // @ts-expect-error A queue is no event.
    void client.raiseEvent("a", numbers, 7);
    // @ts-expect-error Another type.
    void client.getHandle("a").raiseEvent(approval, { by: 7 });
    // @ts-expect-error Nothing is given.
    void client.getHandle("a").enqueueEvent(numbers);
  });
});

describe("OrchestrationStatus", () => {
  test("narrows by its status", () => {
    const status = {} as OrchestrationStatus;
    if (status.status === "Completed") expectTypeOf(status).toEqualTypeOf<CompletedStatus>();
    if (status.status === "Canceled") expectTypeOf(status.reason).toEqualTypeOf<string>();
    if (status.status !== "NotFound") expectTypeOf(status).toEqualTypeOf<KnownStatus>();
    expectTypeOf(client.waitForOrchestration("a")).resolves.toEqualTypeOf<FinishedStatus>();
    expectTypeOf<FinishedStatus["status"]>().toEqualTypeOf<"Completed" | "Failed" | "Canceled">();
  });
});

describe("key-values", () => {
  test("are what the caller promises", () => {
    expectTypeOf(client.getKvValue("a", "k")).resolves.toEqualTypeOf<unknown>();
    expectTypeOf(client.getKvValue<number>("a", "k")).resolves.toEqualTypeOf<number | undefined>();
    expectTypeOf(client.waitForKvValue<number>("a", "k")).resolves.toEqualTypeOf<number>();
    expectTypeOf(client.getKvValues<number>("a")).resolves.toEqualTypeOf<Map<string, number>>();
  });
});

describe("a transaction of the caller", () => {
  const tx = {} as Transaction;
  const approval = defineEvent<{ readonly by: string }>("Approval");
  const poke = defineEvent<undefined>("Poke");
  const orders = defineQueue<Order>("Orders");

  test("is an option of every call that writes, behind what the definition asks for", () => {
    void client.startOrchestration("a", pay, { id: "x" }, { transaction: tx });
    void client.startOrchestration("a", plain, undefined, { transaction: tx });
    void client.startOrchestration("a", "Pay", 1, { transaction: tx });
    void client.raiseEvent("a", approval, { by: "Mary" }, { transaction: tx });
    void client.raiseEvent("a", poke, undefined, { transaction: tx });
    void client.raiseEvent("a", "Poke", undefined, { transaction: tx });
    void client.enqueueEvent("a", orders, { id: "x" }, { transaction: tx });
    void client.enqueueEvent("a", "Orders", 1, { transaction: tx });
    void client.cancelInstance("a", "late", { transaction: tx });
    const handle = client.getHandle("a");
    void handle.raiseEvent(approval, { by: "Mary" }, { transaction: tx });
    void handle.enqueueEvent(orders, { id: "x" }, { transaction: tx });
    void handle.cancel("late", { transaction: tx });
    // @ts-expect-error An event has data of its type.
    void client.raiseEvent("a", approval, { transaction: tx });
    // @ts-expect-error A connection string is no transaction.
    void client.cancelInstance("a", "late", { transaction: "postgres://" });
  });
});
