// Testing without a runtime: a history goes in, the next history and the decisions come out.

import assert from "node:assert/strict";

import { defineActivity, defineOrchestration } from "duroxide-ts";
import { runTurn } from "duroxide-ts/testing";

const task = defineActivity("Task", (input: string) => input);
const orchestration = defineOrchestration("TestOrch", async (ctx, input: string) => {
  const result = await ctx.scheduleActivity(task, input);
  return `result: ${result}`;
});

// Turn 1: the orchestration starts and schedules its activity. Nothing is executed.
const turn1 = await runTurn(
  [
    {
      kind: "OrchestrationStarted",
      eventId: 1,
      name: "TestOrch",
      version: "1.0.0",
      input: "test",
    },
  ],
  orchestration,
);
assert.equal(turn1.output, undefined);
assert.equal(turn1.actions.length, 1);
console.log(turn1.history.map((event) => `${event.eventId} ${event.kind}`).join(", "));

// Turn 2: what a worker would have answered is appended by hand.
const turn2 = await runTurn(
  [
    ...turn1.history,
    { kind: "ActivityCompleted", eventId: 3, sourceEventId: 2, result: "success" },
  ],
  orchestration,
);
console.log(turn2.history.map((event) => `${event.eventId} ${event.kind}`).join(", "));
console.log(JSON.stringify(turn2.output));
