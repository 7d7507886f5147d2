/**
 * What all copies of this package in one thread share: windows, guards and the interception of
 * rejections are properties of the thread.
 */

import { AsyncMark } from "../foundation/async-context.ts";
import { shared } from "../foundation/shared.ts";
import type { GuardWatch } from "./guards.ts";
import type { TurnLoop } from "./turn-loop.ts";

interface OrchestrationThread {
  /** Marks orchestration code with its execution: the function, its calls, and what follows its awaits. */
  readonly code: AsyncMark<object>;
  readonly guards: GuardWatch;
  /** Set by the first copy that needs it. */
  loop: TurnLoop | undefined;
}

export const thread: OrchestrationThread = shared("turn-loop/1", () => ({
  code: new AsyncMark<object>(),
  guards: { mode: "off", owner: undefined, report: undefined },
  loop: undefined,
}));

/** Marks code of activities, which may hold the context of an orchestration by mistake. */
export const activityCode: AsyncMark<true> = shared("activity-code/1", () => new AsyncMark<true>());
