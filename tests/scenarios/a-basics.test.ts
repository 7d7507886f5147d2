/** Scenarios of section A: first steps and basic flow. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  InstanceAlreadyExistsError,
  OrchestrationFailedError,
  SqliteProvider,
  TimeoutError,
  type OrchestrationContext,
} from "duroxide-ts";
import { expect } from "vitest";

import { MODES, scenario } from "../support/scenario.ts";
import { gate } from "../support/signal.ts";
import { told } from "../support/told.ts";

const LIMIT = { timeout: "10s" } as const;

const greet = defineActivity("Greet", async (name: string) => `Hello, ${name}!`);

scenario("S001 a greeting activity and an orchestration that calls it", async (world) => {
  const hello = defineOrchestration("Hello", async (ctx, name: string) =>
    ctx.scheduleActivity(greet, name),
  );
  await world.start({ activities: [greet], orchestrations: [hello] });
  await world.client.startOrchestration("hello", hello, "World");
  expect(await world.client.waitForOrchestration("hello", LIMIT)).toMatchObject({
    status: "Completed",
    output: "Hello, World!",
    name: "Hello",
    version: "1.0.0",
    executionId: 1,
  });
});

scenario(
  "S002 an orchestration that returns at once completes without any activity",
  async (world) => {
    const instant = defineOrchestration("Instant", async (_, n: number) => n + 1);
    await world.start({ orchestrations: [instant] });
    const handle = await world.client.startOrchestration("instant", instant, 41);
    expect(await handle.result(LIMIT)).toBe(42);
    expect(await told(world, "instant")).toEqual(["2 OrchestrationCompleted"]);
  },
);

scenario(
  "S004 two awaited activities in sequence: the second gets the first's output",
  async (world) => {
    const inputs: string[] = [];
    const step = defineActivity("Step", async (text: string) => {
      inputs.push(text);
      return `${text}+`;
    });
    const chain = defineOrchestration("Chain", async (ctx) => {
      const first = await ctx.scheduleActivity(step, "a");
      return ctx.scheduleActivity(step, first);
    });
    await world.start({ activities: [step], orchestrations: [chain] });
    const handle = await world.client.startOrchestration("chain", chain);
    expect(await handle.result(LIMIT)).toBe("a++");
    expect(inputs).toEqual(["a", "a+"]);
    expect(await world.client.readExecutionHistory("chain")).toMatchObject([
      { eventId: 1, kind: "OrchestrationStarted", name: "Chain" },
      { eventId: 2, kind: "ActivityScheduled", name: "Step", input: "a" },
      { eventId: 3, kind: "ActivityCompleted", sourceEventId: 2, result: "a+" },
      { eventId: 4, kind: "ActivityScheduled", name: "Step", input: "a+" },
      { eventId: 5, kind: "ActivityCompleted", sourceEventId: 4, result: "a++" },
      { eventId: 6, kind: "OrchestrationCompleted", output: "a++" },
    ]);
  },
);

scenario(
  "S005 a branch on an activity's result: only the taken branch is recorded",
  async (world) => {
    const choose = defineActivity("Choose", async (side: string) => side === "left");
    const left = defineActivity("Left", async () => "went left");
    const right = defineActivity("Right", async () => "went right");
    const fork = defineOrchestration("Fork", async (ctx, side: string) =>
      (await ctx.scheduleActivity(choose, side))
        ? ctx.scheduleActivity(left)
        : ctx.scheduleActivity(right),
    );
    await world.start({ activities: [choose, left, right], orchestrations: [fork] });
    const handle = await world.client.startOrchestration("fork", fork, "left");
    expect(await handle.result(LIMIT)).toBe("went left");
    expect(await told(world, "fork")).toEqual([
      "2 ActivityScheduled Choose",
      "3 ActivityCompleted(2)",
      "4 ActivityScheduled Left",
      "5 ActivityCompleted(4)",
      "6 OrchestrationCompleted",
    ]);
  },
);

scenario("S006 a loop of N activities: N schedules in order and the right sum", async (world) => {
  const square = defineActivity("Square", async (n: number) => n * n);
  const sum = defineOrchestration("Sum", async (ctx, count: number) => {
    let total = 0;
    for (let n = 1; n <= count; n += 1) total += await ctx.scheduleActivity(square, n);
    return total;
  });
  await world.start({ activities: [square], orchestrations: [sum] });
  const handle = await world.client.startOrchestration("sum", sum, 7);
  expect(await handle.result(LIMIT)).toBe(140);
  const history = await world.client.readExecutionHistory("sum");
  const schedules = history.filter((event) => event.kind === "ActivityScheduled");
  expect(schedules.map((event) => event.input)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(schedules.map((event) => event.eventId)).toEqual([2, 4, 6, 8, 10, 12, 14]);
});

scenario("S008 an activity failure that nobody catches fails the orchestration", async (world) => {
  const broken = defineActivity("Broken", async () => {
    throw new RangeError("out of paper");
  });
  const print = defineOrchestration("Print", async (ctx) => ctx.scheduleActivity(broken));
  await world.start({ activities: [broken], orchestrations: [print] });
  const handle = await world.client.startOrchestration("print", print);
  await expect(handle.result(LIMIT)).rejects.toThrow(OrchestrationFailedError);
  expect(await handle.status()).toMatchObject({
    status: "Failed",
    error: { category: "application", message: "out of paper" },
  });
  expect(await told(world, "print")).toEqual([
    "2 ActivityScheduled Broken",
    "3 ActivityFailed(2)",
    "4 OrchestrationFailed",
  ]);
});

scenario("S009 a helper that takes the context and throws is like inline code", async (world) => {
  async function reserve(ctx: OrchestrationContext, item: string): Promise<string> {
    const reply = await ctx.scheduleActivity(greet, item);
    if (item === "none") throw new TypeError(`cannot reserve after ${reply}`);
    return reply;
  }
  const shop = defineOrchestration("Shop", async (ctx, item: string) => {
    try {
      return await reserve(ctx, item);
    } catch (error) {
      if (item === "none" && error instanceof TypeError) return `caught: ${error.message}`;
      throw error;
    }
  });
  const strict = defineOrchestration("Strict", async (ctx, item: string) => reserve(ctx, item));
  await world.start({ activities: [greet], orchestrations: [shop, strict] });
  const caught = await world.client.startOrchestration("caught", shop, "none");
  expect(await caught.result(LIMIT)).toBe("caught: cannot reserve after Hello, none!");
  const thrown = await world.client.startOrchestration("thrown", strict, "none");
  await expect(thrown.result(LIMIT)).rejects.toThrow("cannot reserve after Hello, none!");
  expect(await thrown.status()).toMatchObject({ status: "Failed", error: { name: "TypeError" } });
});

scenario(
  "S010 an activity that throws something else than an Error: readable text all the same",
  async (world) => {
    const THROWN: readonly unknown[] = ["plain text", 42, null, undefined, { why: "an object" }];
    const thrower = defineActivity("Thrower", async (i: number): Promise<void> => {
      throw THROWN[i];
    });
    const messages = defineOrchestration("Messages", async (ctx) => {
      const seen: string[] = [];
      for (let i = 0; i < 5; i += 1) {
        const outcome = await ctx.scheduleActivity(thrower, i).settled();
        if (outcome.status === "fulfilled") return ["no failure"];
        seen.push((outcome.reason as Error).message);
      }
      return seen;
    });
    const bare = defineOrchestration("Bare", async (ctx) => ctx.scheduleActivity(thrower, 0));
    await world.start({ activities: [thrower], orchestrations: [messages, bare] });
    const handle = await world.client.startOrchestration("messages", messages);
    expect(await handle.result(LIMIT)).toEqual([
      "plain text",
      "42 was thrown, which is no Error",
      "null was thrown, which is no Error",
      "undefined was thrown, which is no Error",
      '{"why":"an object"}',
    ]);
    const uncaught = await world.client.startOrchestration("uncaught", bare);
    await expect(uncaught.result(LIMIT)).rejects.toThrow("plain text");
  },
);

scenario("S012 a throw, at once or after an await, fails the orchestration", async (world) => {
  const thrower = defineOrchestration("Thrower", async (ctx, isLate: boolean) => {
    if (isLate) await ctx.scheduleActivity(greet, "you");
    throw new SyntaxError(isLate ? "late" : "early");
  });
  await world.start({ activities: [greet], orchestrations: [thrower] });
  const early = await world.client.startOrchestration("early", thrower, false);
  const late = await world.client.startOrchestration("late", thrower, true);
  await expect(early.result(LIMIT)).rejects.toThrow("early");
  await expect(late.result(LIMIT)).rejects.toThrow("late");
  const error = { category: "application", name: "SyntaxError" };
  expect(await early.status()).toMatchObject({ status: "Failed", error });
  expect(await late.status()).toMatchObject({ status: "Failed", error });
  expect(await told(world, "early")).toEqual(["2 OrchestrationFailed"]);
  expect(await told(world, "late")).toEqual([
    "2 ActivityScheduled Greet",
    "3 ActivityCompleted(2)",
    "4 OrchestrationFailed",
  ]);
});

scenario("S013 a wait that begins before the end gives the terminal status", async (world) => {
  const release = gate();
  const held = defineActivity("Held", async () => {
    await release.opened;
    return "done";
  });
  const waiter = defineOrchestration("Waiter", async (ctx) => ctx.scheduleActivity(held));
  await world.start({ activities: [held], orchestrations: [waiter] });
  const beforeStart = world.client.waitForOrchestration("waiter", {
    ...LIMIT,
    createdWithin: "30s",
  });
  await world.client.startOrchestration("waiter", waiter);
  const whileRunning = world.client.waitForOrchestration("waiter", LIMIT);
  await world.untilRecorded("waiter", "ActivityScheduled");
  release.open();
  const expected = { status: "Completed", output: "done" };
  expect(await beforeStart).toMatchObject(expected);
  expect(await whileRunning).toMatchObject(expected);
});

scenario(
  "S014 S017 a wait shorter than the instance ends with a timeout; the instance keeps running",
  async (world) => {
    const patient = defineOrchestration("Patient", async (ctx) =>
      ctx.scheduleWait<string>("finish"),
    );
    await world.start({ orchestrations: [patient] });
    const handle = await world.client.startOrchestration("patient", patient);
    const wait = world.client.waitForOrchestration("patient", { timeout: 10 });
    await expect(wait).rejects.toThrow(TimeoutError);
    await expect(handle.result({ timeout: 0 })).rejects.toMatchObject({ code: "timeout" });
    expect((await handle.status()).status).toBe("Running");
    await handle.raiseEvent("finish", "after all");
    expect(await handle.result(LIMIT)).toBe("after all");
  },
);

scenario(
  "S016 a start that no runtime has taken is Pending, an unknown id NotFound",
  async (world) => {
    const early = defineOrchestration("Early", async () => "at last");
    expect((await world.client.getOrchestrationStatus("early")).status).toBe("NotFound");
    const handle = await world.client.startOrchestration("early", early);
    expect(await handle.status()).toMatchObject({ status: "Pending", name: "Early", version: "" });
    await world.start({ orchestrations: [early] });
    expect(await handle.result(LIMIT)).toBe("at last");
  },
);

scenario("S017 a running instance is Running", async (world) => {
  const wait = defineOrchestration("Wait", async (ctx) => ctx.scheduleWait("never"));
  await world.start({ orchestrations: [wait] });
  await world.client.startOrchestration("wait", wait);
  await world.untilRecorded("wait", "ExternalSubscribed");
  expect(await world.client.getOrchestrationStatus("wait")).toMatchObject({
    status: "Running",
    name: "Wait",
    version: "1.0.0",
    blocked: undefined,
  });
});

scenario("S018 many concurrent instances: each gets its own result", async (world) => {
  const names = ["Alpha", "Beta", "Gamma", "Delta"];
  const activities = names.map((name) => defineActivity(name, async (i: number) => `${name} ${i}`));
  const mixed = defineOrchestration("Mixed", async (ctx, i: number) => {
    const first = await ctx.scheduleActivity<string>(names[i % 4]!, i);
    const second = await ctx.scheduleActivity<string>(names[(i + 1) % 4]!, i);
    return `${first}, ${second}`;
  });
  await world.start({ activities, orchestrations: [mixed] });
  const handles = await Promise.all(
    Array.from({ length: 60 }, (_, i) => world.client.startOrchestration(`mixed-${i}`, mixed, i)),
  );
  const results = await Promise.all(handles.map((handle) => handle.result(LIMIT)));
  expect(results).toEqual(
    handles.map((_, i) => `${names[i % 4]} ${i}, ${names[(i + 1) % 4]} ${i}`),
  );
});

scenario("S020 starts of one id at the same time: one instance, one result", async (world) => {
  let runCount = 0;
  const once = defineActivity("Once", async () => {
    runCount += 1;
    return "only";
  });
  const single = defineOrchestration("Single", async (ctx) => ctx.scheduleActivity(once));
  await world.start({ activities: [once], orchestrations: [single] });
  const start = (idReuse: "ignore" | "reject") =>
    world.client.startOrchestration("single", single, undefined, { idReuse });
  const [first, second, third] = await Promise.allSettled([
    start("ignore"),
    start("ignore"),
    start("reject"),
  ]);
  expect(first).toMatchObject({ status: "fulfilled", value: { isNew: true } });
  expect(second).toMatchObject({ status: "fulfilled", value: { isNew: false } });
  expect(third).toMatchObject({ status: "rejected", reason: { code: "instance_already_exists" } });
  expect(await world.client.waitForOrchestration("single", LIMIT)).toMatchObject({
    output: "only",
  });
  expect(runCount).toBe(1);
  expect(await told(world, "single")).toEqual([
    "2 ActivityScheduled Once",
    "3 ActivityCompleted(2)",
    "4 OrchestrationCompleted",
  ]);
});

scenario("S020 two starts of one id before any runtime: one instance", async (world) => {
  const single = defineOrchestration("Single", async (_, n: number) => n);
  await world.client.startOrchestration("single", single, 1);
  const again = world.client.startOrchestration("single", single, 2);
  await expect(again).rejects.toThrow(InstanceAlreadyExistsError);
  await world.client.startOrchestration("single", single, 3, { idReuse: "ignore" });
  await world.start({ orchestrations: [single] });
  const status = await world.client.waitForOrchestration("single", LIMIT);
  expect(status).toMatchObject({ status: "Completed", output: 1 });
  expect(await told(world, "single")).toEqual(["2 OrchestrationCompleted"]);
});

scenario(
  "S021 a start with the id of a finished instance, under each reuse policy",
  async (world) => {
    const echo = defineOrchestration("Echo", async (_, text: string) => text);
    await world.start({ orchestrations: [echo] });
    const first = await world.client.startOrchestration("echo", echo, "first");
    await first.result(LIMIT);
    const before = await world.client.readExecutionHistory("echo");
    const rejected = world.client.startOrchestration("echo", echo, "second");
    await expect(rejected).rejects.toMatchObject({ status: { status: "Completed" } });
    const ignored = await world.client.startOrchestration("echo", echo, "third", {
      idReuse: "ignore",
    });
    expect(ignored.isNew).toBe(false);
    expect(await ignored.result(LIMIT)).toBe("first");
    expect(await world.client.readExecutionHistory("echo")).toEqual(before);
    const replaced = await world.client.startOrchestration("echo", echo, "fourth", {
      idReuse: "replaceFinished",
    });
    expect(replaced.isNew).toBe(true);
    expect(await replaced.result(LIMIT)).toBe("fourth");
  },
);

scenario(
  "S022 a start of another orchestration with the id of a running one leaves that one alone",
  async (world) => {
    const first = defineOrchestration({
      name: "First",
      version: "1.0.0",
      run: async (ctx) => `${await ctx.scheduleWait<string>("go")} on ${ctx.orchestrationVersion}`,
    });
    const second = defineOrchestration("Second", async () => "hijacked");
    await world.start({ orchestrations: [first, second] });
    const handle = await world.client.startOrchestration("busy", first);
    await world.untilRecorded("busy", "ExternalSubscribed");
    for (const idReuse of ["reject", "replaceFinished", "ignore"] as const) {
      const other = world.client.startOrchestration("busy", second, undefined, { idReuse });
      await expect(other).rejects.toThrow(InstanceAlreadyExistsError);
    }
    expect(await handle.status()).toMatchObject({ status: "Running", name: "First" });
    await handle.raiseEvent("go", "first");
    expect(await handle.result(LIMIT)).toBe("first on 1.0.0");
    expect(await told(world, "busy")).toEqual([
      "2 ExternalSubscribed go",
      "3 ExternalEvent go",
      "4 OrchestrationCompleted",
    ]);
  },
);

scenario(
  "S024 one turn and one activity at a time: a mixed workload completes",
  async (world) => {
    let runningCount = 0;
    let runningMax = 0;
    const work = defineActivity("Work", async (n: number) => {
      runningCount += 1;
      runningMax = Math.max(runningMax, runningCount);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      runningCount -= 1;
      return n + 1;
    });
    const child = defineOrchestration("Child", async (ctx, n: number) =>
      ctx.scheduleActivity(work, n),
    );
    const mixed = defineOrchestration("Mixed", async (ctx, n: number) => {
      const wide = await ctx.all([
        ctx.scheduleActivity(work, n),
        ctx.scheduleActivity(work, n + 1),
        ctx.scheduleSubOrchestration(child, n + 2),
      ]);
      await ctx.scheduleTimer(1);
      return wide.reduce((sum, value) => sum + value, 0);
    });
    await world.start({
      activities: [work],
      orchestrations: [mixed, child],
      activityConcurrency: 1,
      orchestrationConcurrency: 1,
    });
    const handles = await Promise.all(
      Array.from({ length: 8 }, (_, i) => world.client.startOrchestration(`m${i}`, mixed, i)),
    );
    const results = await Promise.all(handles.map((handle) => handle.result(LIMIT)));
    expect(results).toEqual(handles.map((_, i) => 3 * i + 6));
    expect(runningMax).toBe(1);
    // Which of three concurrent branches ends first is open.
  },
  { compare: "unordered", isForOneNode: true },
);

scenario("S025 three greetings in order", async (world) => {
  const cities = defineOrchestration("Cities", async (ctx) => {
    const greetings: string[] = [];
    for (const city of ["Tokyo", "Seattle", "London"]) {
      greetings.push(await ctx.scheduleActivity(greet, city));
    }
    return greetings;
  });
  await world.start({ activities: [greet], orchestrations: [cities] });
  const handle = await world.client.startOrchestration("cities", cities);
  expect(await handle.result(LIMIT)).toEqual([
    "Hello, Tokyo!",
    "Hello, Seattle!",
    "Hello, London!",
  ]);
});

scenario(
  "S026 a client whose store object no runtime uses: a runtime elsewhere completes its instance",
  async (world) => {
    // A second connection to the file shares nothing with the first but the file: what another
    // process would have. Real processes are in tests/e2e and tests/chaos.
    const elsewhere = await SqliteProvider.open(world.file);
    try {
      const client = new Client(elsewhere);
      const hello = defineOrchestration("Hello", async (ctx, name: string) =>
        ctx.scheduleActivity(greet, name),
      );
      const early = await client.startOrchestration("early", "Hello", "early bird");
      await world.start({ activities: [greet], orchestrations: [hello] });
      expect(await early.result(LIMIT)).toBe("Hello, early bird!");
      const late = await client.startOrchestration("late", "Hello", "late riser");
      expect(await late.result(LIMIT)).toBe("Hello, late riser!");
    } finally {
      await elsewhere.close();
    }
  },
  { modes: MODES.filter((mode) => mode.store === "file") },
);
