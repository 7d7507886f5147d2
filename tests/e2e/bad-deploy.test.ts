/** F35 F45: a deploy whose orchestration ends before its recorded point says what it threw, and where. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  Runtime,
  SqliteProvider,
  type LogFields,
  type OrchestrationContext,
  type OrchestrationDefinition,
} from "duroxide-ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";

import { eventually } from "../support/signal.ts";

const greet = defineActivity("Greet", (name: string) => `Hello ${name}`);
const sign = defineActivity("Sign", (text: string) => `${text}!`);
const config: { greeter?: { url: string } } = {};

type Code = (ctx: OrchestrationContext, name: unknown) => Promise<unknown>;

const good: Code = async (ctx) => {
  const text = await ctx.scheduleActivity(greet, "x");
  const signed = await ctx.scheduleActivity(sign, text);
  return ctx.scheduleWait("go").then(() => signed);
};

/** Runs the good code up to its wait, raises its event, and deploys `bad` in its place. */
async function deployOver(bad: OrchestrationDefinition, nondeterminism: "park" | "fail" = "park") {
  const store = await SqliteProvider.inMemory();
  const client = new Client(store);
  const activities = [greet, sign];
  const before = defineOrchestration("Deployed", good);
  const first = await Runtime.start({ store, activities, orchestrations: [before] });
  const handle = await client.startOrchestration("i", before, { name: "x" });
  await eventually(async () =>
    (await client.readExecutionHistory("i")).find(({ kind }) => kind === "ExternalSubscribed"),
  );
  await first.shutdown();
  await handle.raiseEvent("go");
  const lines: { message: string; fields: LogFields }[] = [];
  const second = await Runtime.start({
    store,
    activities,
    orchestrations: [bad],
    nondeterminism,
    logger: { log: (_, message, fields) => lines.push({ message, fields }) },
  });
  onTestFinished(async () => {
    await second.shutdown();
    await store.close();
  });
  return { handle, lines };
}

const throwsFirst: Code = async (ctx) => {
  const { url } = config.greeter as { url: string }; // The line that throws.
  return ctx.scheduleActivity(greet, url);
};
const TYPE_ERROR =
  "TypeError: Cannot destructure property 'url' of 'config.greeter' as it is undefined.";
const MEND = "; mend what throws there, or restore the code that wrote this history";

describe("F35 F45 a deploy over a running instance", () => {
  const cases: readonly {
    readonly title: string;
    readonly code: Code;
    readonly says: string;
    readonly advises: string;
    readonly line?: string;
  }[] = [
    {
      title: "that throws on its first line",
      code: throwsFirst,
      says: `event 2 history has ActivityScheduled "Greet" with "x", but the code did nothing more: the function had ended, it threw ${TYPE_ERROR} (`,
      advises: MEND,
      line: "bad-deploy.test.ts:59:",
    },
    {
      title: "that throws behind an activity",
      code: async (ctx) => {
        await ctx.scheduleActivity(greet, "x");
        throw new RangeError("no such region");
      },
      says: 'event 4 history has ActivityScheduled "Sign" with "Hello x", but the code did nothing more: the function had ended, it threw RangeError: no such region (',
      advises: MEND,
      line: "bad-deploy.test.ts:",
    },
    {
      title: "that throws at the last recorded event",
      code: async (ctx) => {
        const text = await ctx.scheduleActivity(greet, "x");
        await ctx.scheduleActivity(sign, text);
        void ctx.scheduleWait("go");
        throw new RangeError("no such region");
      },
      says: "but the code did an end: it threw RangeError: no such region (",
      advises: MEND,
      line: "bad-deploy.test.ts:",
    },
    {
      title: "that reports what it has thrown before it ends",
      code: async (ctx) => {
        ctx.setCustomStatus("failed");
        throw new RangeError("no such region");
      },
      says: 'but the code did CustomStatusUpdated to "failed" and then ended, it threw RangeError: no such region (',
      advises: MEND,
      line: "bad-deploy.test.ts:",
    },
    {
      title: "that returns too early",
      code: async () => ["early", "secret"],
      says: "but the code did nothing more: the function had ended, it returned an array",
      advises:
        "; restore the code that wrote this history, or register the change as a new version;",
    },
  ];

  test.each(cases)("$title says so", async ({ code, says, advises, line }) => {
    const { handle, lines } = await deployOver(defineOrchestration("Deployed", code));
    const blocked = await eventually(async () => {
      const status = await handle.status();
      return status.status === "Running" ? status.blocked : undefined;
    });
    expect(blocked.code).toBe("nondeterminism");
    expect(blocked.message).toContain(says);
    expect(blocked.message).toContain(advises);
    if (line === undefined) expect(blocked.source).toBeUndefined();
    else expect(blocked.source).toContain(line);
    expect(blocked.message).not.toContain("secret");
    expect(lines).toContainEqual({
      message: blocked.message,
      fields: expect.objectContaining({ source: blocked.source }) as LogFields,
    });
    await expect(handle.result({ timeout: 0 })).rejects.toThrow(says);
  });

  test("whose input schema wants one more field names the field", async () => {
    const input = z.object({ name: z.string(), region: z.string() });
    const bad = defineOrchestration({ name: "Deployed", input, run: good });
    const { handle } = await deployOver(bad);
    const blocked = await eventually(async () => {
      const status = await handle.status();
      return status.status === "Running" ? status.blocked : undefined;
    });
    expect(blocked.message).toContain(
      "nothing more: the function had ended, it refused the recorded input, which its schema rejects " +
        "(region: Invalid input: expected string, received undefined); let the schema accept what is recorded",
    );
  });

  test("keeps what was thrown as the cause where the policy is to fail", async () => {
    const { handle } = await deployOver(defineOrchestration("Deployed", throwsFirst), "fail");
    const error = await handle.result({ timeout: "10s" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "orchestration_failed",
      cause: { name: "NondeterminismError", cause: { name: "TypeError" } },
    });
    expect((error as { rootCause: Error }).rootCause.stack).toContain("bad-deploy.test.ts:59:");
  });
});
