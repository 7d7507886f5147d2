/** Errors as data across every boundary: activity, child, history, replay, client. */

import {
  ActivityError,
  defineActivity,
  defineOrchestration,
  isDuroxideError,
  NonRetryableError,
  OrchestrationFailedError,
  SubOrchestrationError,
} from "duroxide-ts";
import { expect } from "vitest";

import { scenario } from "../support/scenario.ts";

class CardDeclinedError extends Error {
  override readonly name = "CardDeclinedError";
  readonly code = "CARD_DECLINED";
  readonly cents: number;

  constructor(cents: number, cause: unknown) {
    super(`declined ${cents}`, { cause });
    this.cents = cents;
  }
}

const charge = defineActivity("Charge", async (cents: number) => {
  throw new CardDeclinedError(
    cents,
    new TypeError("no funds", { cause: new Error("bank said no") }),
  );
});

scenario(
  "S008 S142 class name, code, data, cause chain and stack survive replay; instanceof works",
  async (world) => {
    const buy = defineOrchestration("Buy", async (ctx) => {
      try {
        await ctx.scheduleActivity(charge, 42);
        return "no";
      } catch (error) {
        // A second turn makes the evicted runs rebuild the error from history.
        await ctx.scheduleWait("go");
        if (!(error instanceof ActivityError)) throw error;
        const cause = error.cause;
        return {
          code: error.code,
          activity: error.activityName,
          attempt: error.attempt,
          message: error.message,
          name: error.details.name,
          userCode: error.details.code,
          data: error.details.data,
          hasStack: error.details.stack?.includes("CardDeclinedError"),
          causes: [cause.name, (cause.cause as Error).name, error.rootCause.message],
          isOurs: isDuroxideError(error),
        };
      }
    });
    await world.start({ activities: [charge], orchestrations: [buy] });
    const handle = await world.client.startOrchestration("buy", buy);
    await world.untilRecorded("buy", "ExternalSubscribed");
    await handle.raiseEvent("go");
    expect(await handle.result({ timeout: "10s" })).toEqual({
      code: "activity_failed",
      activity: "Charge",
      attempt: 1,
      message: "declined 42",
      name: "CardDeclinedError",
      userCode: "CARD_DECLINED",
      data: { cents: 42 },
      hasStack: true,
      causes: ["CardDeclinedError", "TypeError", "bank said no"],
      isOurs: true,
    });
  },
);

scenario("S010 whatever is thrown is survivable and readable", async (world) => {
  const cyclic = new Error("cyclic");
  cyclic.cause = cyclic;
  const thrown: Readonly<Record<string, unknown>> = {
    text: "just a text",
    nothing: undefined,
    number: 7,
    frozen: Object.freeze(new Error("frozen")),
    cyclic,
    huge: new Error("x".repeat(1_000_000)),
    getter: Object.defineProperty(new Error("getter"), "code", {
      get() {
        throw new Error("trap");
      },
    }),
    final: new NonRetryableError("never again"),
  };
  const thrower = defineActivity("Thrower", async (which: string) => {
    throw thrown[which];
  });
  const catcher = defineOrchestration("Catcher", async (ctx, which: string) => {
    const outcome = await ctx.scheduleActivity(thrower, which).settled();
    const error = outcome.status === "rejected" ? (outcome.reason as ActivityError) : undefined;
    return {
      message: error?.message.slice(0, 12),
      length: error?.message.length,
      retryable: error?.retryable,
    };
  });
  await world.start({ activities: [thrower], orchestrations: [catcher] });
  const results: Record<string, unknown> = {};
  for (const which of Object.keys(thrown)) {
    const handle = await world.client.startOrchestration(which, catcher, which);
    results[which] = await handle.result({ timeout: "10s" });
  }
  expect(results).toMatchObject({
    text: { message: "just a text" },
    nothing: { message: "undefined wa" },
    number: { message: "7 was thrown" },
    frozen: { message: "frozen" },
    cyclic: { message: "cyclic" },
    getter: { message: "getter" },
    final: { message: "never again", retryable: false },
  });
  expect((results["huge"] as { readonly length: number }).length).toBeLessThan(100_000);
});

scenario(
  "S009 S172 a failure passes through helpers, children and clients with its cause",
  async (world) => {
    const child = defineOrchestration("Child", async (ctx) => ctx.scheduleActivity(charge, 1));
    const parent = defineOrchestration("Parent", async (ctx) => {
      const helper = async (): Promise<unknown> => ctx.scheduleSubOrchestration(child);
      return helper();
    });
    await world.start({ activities: [charge], orchestrations: [parent, child] });
    const handle = await world.client.startOrchestration("parent", parent);
    const error: unknown = await handle
      .result({ timeout: "10s" })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OrchestrationFailedError);
    const failed = error as OrchestrationFailedError;
    expect(failed.code).toBe("orchestration_failed");
    expect(failed.message).toContain("declined 1");
    expect(failed.failure.name).toBe(SubOrchestrationError.name);
    expect(JSON.stringify(failed.failure)).toContain("CardDeclinedError");
  },
);

scenario("R7 a child that exceeds a size limit fails and its parent hears of it", async (world) => {
  const big = defineOrchestration("Big", async (ctx) => {
    ctx.setCustomStatus("x".repeat(300_000));
    return "no";
  });
  const parent = defineOrchestration("Parent", async (ctx) => {
    const outcome = await ctx.scheduleSubOrchestration(big).settled();
    return outcome.status === "rejected" ? (outcome.reason as Error).message : "no";
  });
  await world.start({ orchestrations: [parent, big] });
  const handle = await world.client.startOrchestration("parent", parent);
  expect(await handle.result({ timeout: "10s" })).toContain("262144 bytes");
});

scenario(
  "S313 S314 P4 P16 partial failures are values, and a saga undoes what it did",
  async (world) => {
    const undone: string[] = [];
    const reserve = defineActivity("Reserve", async (item: string) => {
      if (item === "gone") throw new Error("sold out");
      return item;
    });
    const release = defineActivity("Release", async (item: string) => {
      undone.push(item);
    });
    const saga = defineOrchestration("Saga", async (ctx, items: readonly string[]) => {
      const outcomes = await ctx.join(items.map((item) => ctx.scheduleActivity(reserve, item)));
      const reserved = outcomes
        .filter((outcome) => outcome.status === "fulfilled")
        .map((outcome) => outcome.value);
      if (reserved.length === items.length) return "reserved";
      for (const item of reserved) await ctx.scheduleActivity(release, item);
      return `${reserved.length} released, ${items.length - reserved.length} failed`;
    });
    await world.start({ activities: [reserve, release], orchestrations: [saga] });
    const mixed = await world.client.startOrchestration("mixed", saga, ["lamp", "gone", "sofa"]);
    expect(await mixed.result({ timeout: "10s" })).toBe("2 released, 1 failed");
    const none = await world.client.startOrchestration("none", saga, ["gone"]);
    expect(await none.result({ timeout: "10s" })).toBe("0 released, 1 failed");
    expect(undone.sort()).toEqual(["lamp", "sofa"]);
    // Three reservations run side by side.
  },
  { compare: "unordered" },
);
