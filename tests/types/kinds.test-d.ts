/** F45: a definition of another kind, or a bare function, is a compile error. */

import {
  type Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  type OrchestrationContext,
} from "duroxide-ts";
import { expectTypeOf, test } from "vitest";

const activity = defineActivity("A", (n: number) => n);
const orchestration = defineOrchestration("O", async (_ctx, n: number) => n);
const event = defineEvent<number>("E");
const queue = defineQueue<number>("Q");

test("F45 definitions of another kind", () => {
  const calls = (ctx: OrchestrationContext, client: Client): void => {
    // @ts-expect-error An orchestration is no activity.
    ctx.scheduleActivity(orchestration, 1);
    // @ts-expect-error An activity is no child.
    ctx.scheduleSubOrchestration(activity, 1);
    // @ts-expect-error A queue is no event.
    ctx.scheduleWait(queue);
    // @ts-expect-error An event is no queue.
    ctx.dequeueEvent(event);
    // @ts-expect-error An activity is no detached start.
    ctx.scheduleOrchestration(activity, "id", 1);
    // @ts-expect-error An activity is no orchestration.
    void client.startOrchestration("a", activity, 1);
    // @ts-expect-error A queue is no event.
    void client.raiseEvent("a", queue, 1);
    // @ts-expect-error An event is no queue.
    void client.enqueueEvent("a", event, 1);
  };
  expectTypeOf(calls).toBeFunction();
});

test("F45 bare functions", () => {
  const calls = (ctx: OrchestrationContext, client: Client): void => {
    // @ts-expect-error defineActivity() makes an activity of it.
    ctx.scheduleActivity(function foo() {});
    // @ts-expect-error defineOrchestration() makes an orchestration of it.
    ctx.scheduleSubOrchestration(function foo() {});
    // @ts-expect-error defineOrchestration() makes an orchestration of it.
    ctx.scheduleOrchestration(async () => 1, "id");
    // @ts-expect-error defineOrchestration() makes an orchestration of it.
    void client.startOrchestration("a", async () => 1);
  };
  expectTypeOf(calls).toBeFunction();
});
