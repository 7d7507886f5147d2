/** Runs turns with rejections that nobody handles, and prints what the host of them sees. */

import process from "node:process";

import { activityFailed, Story, timerFired } from "../support/story.ts";
import type { OrchestrationContext } from "../../src/orchestration/context.ts";

type Ctx = OrchestrationContext;

const [scenario] = process.argv.slice(2);
const isListening = scenario !== "crash";
if (isListening) {
  process.on("unhandledRejection", (reason) => {
    console.log(`host saw: ${(reason as Error).message}`);
  });
  process.on("rejectionHandled", () => {
    console.log("host saw: handled late");
  });
}

/** What a host does after a promise that the orchestration resolves. */
let resumeHost: () => void = () => undefined;
if (scenario === "window") {
  process.on("uncaughtException", (error) => {
    console.log(`host caught: ${error.message}`);
  });
  const resumed = new Promise<void>((resolve) => {
    resumeHost = resolve;
  });
  void (async () => {
    await resumed;
    throw new Error("in a window");
  })();
}

const story = new Story(
  async (ctx: Ctx) => {
    resumeHost();
    // A helper that nobody awaits, one that is awaited too late, and a branch that loses.
    void ctx.scheduleActivity("A").then(() => undefined);
    const late = (async () => {
      await ctx.scheduleActivity("B");
    })();
    void Promise.reject(new Error("at once"));
    await ctx.select([
      async (scope) => {
        await scope.scheduleTimer(1);
        return "won";
      },
      async () =>
        Promise.reject(new Error("too late")).then(undefined, () => new Promise(() => undefined)),
    ]);
    await ctx.scheduleTimer(1);
    return late.then(undefined, (error: unknown) => (error as Error).message);
  },
  { isHotOnly: true },
);
await story.start();
await story.turn(
  activityFailed(2, new Error("A failed")),
  activityFailed(3, new Error("B failed")),
);
const turn = await story.turn(timerFired(4));
const timer = turn.timers[0]?.eventId ?? 0;
const last = await story.turn(timerFired(timer));
console.log(`orchestration: ${JSON.stringify(last.outcome)}`);

if (scenario === "listen" || scenario === "crash") {
  void Promise.reject(new Error("of the host"));
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log("end");
