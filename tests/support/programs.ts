/** Random orchestrations: a program is data, so that fast-check can shrink it. */

import fc from "fast-check";

import type { RecordedEvent } from "../../src/history/event.ts";
import type { InstanceMessage } from "../../src/history/message.ts";
import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import {
  activityCompleted,
  activityFailed,
  childCompleted,
  childFailed,
  timerFired,
} from "./story.ts";

/** One thing that an orchestration does. */
export type Step =
  | { readonly kind: "activity" | "wait" | "dequeue"; readonly name: string }
  | { readonly kind: "timer"; readonly ms: number }
  | { readonly kind: "child" }
  | { readonly kind: "forgotten" | "cancelled"; readonly name: string }
  | { readonly kind: "status" | "guid" | "random" | "detached" | "time" }
  | { readonly kind: "kv"; readonly key: string; readonly op: "set" | "delete" | "clear" | "prune" }
  | { readonly kind: "sequence"; readonly steps: readonly Step[] }
  | {
      readonly kind: "select" | "join" | "all" | "race" | "promiseAll";
      readonly steps: readonly Step[];
    }
  | { readonly kind: "caught"; readonly step: Step };

const name = fc.constantFrom("a", "b", "c");

const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });

export const step: fc.Arbitrary<Step> = fc.letrec<{ step: Step }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    weighted(6, fc.record({ kind: fc.constantFrom("activity", "wait", "dequeue"), name })),
    weighted(2, fc.record({ kind: fc.constant("timer"), ms: fc.nat(50) })),
    weighted(2, fc.record({ kind: fc.constant("child") })),
    weighted(2, fc.record({ kind: fc.constantFrom("forgotten", "cancelled"), name })),
    weighted(
      2,
      fc.record({ kind: fc.constantFrom("status", "guid", "random", "detached", "time") }),
    ),
    weighted(
      2,
      fc.record({
        kind: fc.constant("kv"),
        key: name,
        op: fc.constantFrom("set", "delete", "clear", "prune"),
      }),
    ),
    weighted(3, fc.record({ kind: fc.constant("caught"), step: tie("step") })),
    weighted(
      12,
      fc.record({
        kind: fc.constantFrom("sequence", "select", "join", "all", "race", "promiseAll"),
        steps: fc.array(tie("step"), { minLength: 1, maxLength: 4 }),
      }),
    ),
  ),
})).step;

type Ctx = OrchestrationContext;

async function perform(ctx: Ctx, task: Step): Promise<unknown> {
  switch (task.kind) {
    case "activity":
      return ctx.scheduleActivity(task.name, { at: ctx.historyLength });
    case "wait":
      return ctx.scheduleWait(task.name);
    case "dequeue":
      return ctx.dequeueEvent(task.name);
    case "timer":
      return ctx.scheduleTimer(task.ms);
    case "child":
      return ctx.scheduleSubOrchestration("Child", 1);
    case "forgotten":
      ctx.scheduleActivity(task.name);
      return undefined;
    case "cancelled": {
      const operation = ctx.scheduleActivity(task.name);
      operation.cancel();
      return (await operation.settled()).status;
    }
    case "caught":
      try {
        return await perform(ctx, task.step);
      } catch (error) {
        return { caught: (error as Error).name };
      }
    case "sequence": {
      const values: unknown[] = [];
      for (const part of task.steps) values.push((await perform(ctx, part)) ?? null);
      return values;
    }
    case "select":
      return ctx.select(task.steps.map((part, i) => toBranch(ctx, part, i)));
    case "join":
      return (await ctx.join(task.steps.map((part, i) => toBranch(ctx, part, i)))).map(
        (outcome) => outcome.status,
      );
    case "all":
      return (await ctx.all(task.steps.map((part, i) => toBranch(ctx, part, i)))).length;
    case "race":
      return Promise.race(task.steps.map((part) => perform(ctx, part)));
    case "promiseAll":
      return (await Promise.all(task.steps.map((part) => perform(ctx, part)))).length;
    default:
      return performAtOnce(ctx, task);
  }
}

function performAtOnce(ctx: Ctx, task: Step): unknown {
  switch (task.kind) {
    case "status":
      ctx.setCustomStatus({ at: ctx.historyLength });
      return ctx.getCustomStatus();
    case "guid":
      return ctx.newGuid();
    case "random":
      return ctx.random();
    case "time":
      return ctx.utcNowMs();
    case "detached":
      ctx.scheduleOrchestration("Detached", `d-${ctx.historyLength}`);
      return undefined;
    case "kv":
      return performKv(ctx, task);
    default:
      throw new Error(`not a step that ends at once: ${task.kind}`);
  }
}

function performKv(ctx: Ctx, { key, op }: Extract<Step, { kind: "kv" }>): unknown {
  if (op === "set") ctx.kv.set(key, ctx.utcNowMs());
  else if (op === "delete") return ctx.kv.delete(key);
  else if (op === "clear") ctx.kv.clear();
  else return ctx.kv.pruneUpdatedBefore(ctx.utcNowMs());
  return ctx.kv.entries();
}

/** Every other branch is an operation where it can be, so that both kinds of branches are met. */
function toBranch(ctx: Ctx, part: Step, index: number) {
  if (index % 2 === 0) {
    if (part.kind === "activity") return ctx.scheduleActivity(part.name);
    if (part.kind === "wait") return ctx.scheduleWait(part.name);
    if (part.kind === "dequeue") return ctx.dequeueEvent(part.name);
    if (part.kind === "timer") return ctx.scheduleTimer(part.ms).map(() => "fired");
  }
  return (scope: Ctx) => perform(scope, part);
}

/** The orchestration that a program stands for. */
export function toOrchestration(steps: readonly Step[], isContinuing = false) {
  return async (ctx: Ctx): Promise<unknown> => {
    const values: unknown[] = [];
    for (const task of steps) values.push((await perform(ctx, task)) ?? null);
    return isContinuing ? ctx.continueAsNew(values) : values;
  };
}

/** Answers to everything that is open, in a random order, in random batches. */
export class World {
  readonly #open = new Map<number, RecordedEvent>();
  readonly #next: (max: number) => number;

  /** @param next - A random integer from 0 up to and without `max` */
  constructor(next: (max: number) => number) {
    this.#next = next;
  }

  /** Takes note of what a turn scheduled. */
  see(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      if (/Scheduled|Subscribed$|TimerCreated/.test(event.kind))
        this.#open.set(event.eventId, event);
    }
  }

  /** Some messages: answers, duplicates, arrivals of all names. */
  batch(): InstanceMessage[] {
    const messages: InstanceMessage[] = [];
    for (let count = 1 + this.#next(4); count > 0; count -= 1) messages.push(this.#message());
    return messages;
  }

  /** How far the clock moves until the next turn; clocks of real machines go back, too. */
  clockStepMs(): number {
    return this.#next(100) - 40;
  }

  #message(): InstanceMessage {
    const ids = [...this.#open.keys()];
    // Sometimes something that nobody may be waiting for.
    const id = this.#next(6) === 0 ? undefined : ids[this.#next(ids.length)];
    if (id === undefined) return this.#arrival(this.#next(2) === 0);
    const event = this.#open.get(id) as RecordedEvent;
    // Now and then the same answer comes again.
    if (this.#next(4) > 0) this.#open.delete(id);
    const isGood = this.#next(8) > 0;
    switch (event.kind) {
      case "TimerCreated":
        return timerFired(id);
      case "SubOrchestrationScheduled":
        return isGood ? childCompleted(id, `child ${id}`) : childFailed(id);
      case "ActivityScheduled":
        return isGood ? activityCompleted(id, `result ${id}`) : activityFailed(id);
      default:
        return this.#arrival(event.kind === "ExternalSubscribed");
    }
  }

  #arrival(isEvent: boolean): InstanceMessage {
    const arrival = {
      name: ["a", "b", "c"][this.#next(3)] as string,
      data: `"${this.#next(100)}"`,
    };
    return { kind: isEvent ? "eventRaised" : "queueMessage", ...arrival };
  }
}
