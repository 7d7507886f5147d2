/**
 * The checks of a replay that need the whole turn: early ends, other ends, foreign awaits, guards
 * (weakness R13). What differs event by event is found by `turn.ts`.
 */

import { describeEvent } from "../history/describe.ts";
import type { EncodedValue, RecordedEvent, TerminalEvent } from "../history/event.ts";
import { CANCELED } from "../history/failure.ts";
import { NondeterminismError } from "../orchestration/errors.ts";
import { describeAction } from "./action.ts";
import { foreignAwait, mismatch } from "./divergence.ts";
import type { Execution } from "./execution.ts";
import { describeEnd, isSameEnd } from "./function-end.ts";

/** What a turn found in history. */
export interface ReplayedTurn {
  /** History that ends with a terminal event is only being checked. */
  readonly recordedEnd: TerminalEvent<EncodedValue> | undefined;
  /** The first recorded event after which the function had already ended. */
  readonly endedBefore: RecordedEvent | undefined;
  /** The execution ends, whatever its function does: a cancel, or a failure that it must not see. */
  readonly isStopped: boolean;
}

/** @throws NondeterminismError when the code has not done what the history says */
export function assertFaithful(execution: Execution, turn: ReplayedTurn): void {
  if (execution.violation !== undefined) throw new NondeterminismError(execution.violation);
  if (turn.recordedEnd !== undefined) {
    assertSameEnd(execution, turn.recordedEnd, turn.isStopped);
    return;
  }
  if (turn.endedBefore !== undefined) {
    throw mismatch(execution.instanceId, {
      event: turn.endedBefore,
      expected: `${describeEvent(turn.endedBefore)} and then a function that goes on`,
      actual: `an end: it ${describeEnd(execution.end)}`,
      source: execution.lastSource,
      end: execution.end,
    });
  }
  if (execution.end === undefined && !turn.isStopped && !waitsForSomething(execution))
    throw foreignAwait(execution);
}

function waitsForSomething({ operations, actions }: Execution): boolean {
  for (const operation of operations.values()) if (operation.isOpen) return true;
  return actions.toArray().some(({ operation }) => operation?.isOpen === true);
}

function assertSameEnd(
  execution: Execution,
  recorded: TerminalEvent<EncodedValue>,
  isStopped: boolean,
): void {
  // It may have been ended without its code, before its first turn or while it was parked.
  if (recorded.kind === "OrchestrationFailed" && recorded.failure.code === CANCELED) return;
  const { end, actions, lastSource, instanceId } = execution;
  const extra = actions.peek();
  if (extra !== undefined) {
    const actual = describeAction(extra.draft);
    throw mismatch(instanceId, { event: recorded, actual, source: extra.source });
  }
  if (!isStopped && !isSameEnd(recorded, end, execution.isSame))
    throw mismatch(instanceId, {
      event: recorded,
      actual: describeEnd(end),
      source: lastSource,
      end,
    });
}
