/** How the function of an orchestration ended, in words: what a divergence says where history goes on. */

import { describeIssues, ValidationError } from "../foundation/errors.ts";
import type { EncodedValue, TerminalEvent } from "../history/event.ts";
import { describePath } from "../history/failure-text.ts";
import { toFailure } from "../history/failure.ts";
import type { Comparison } from "./action.ts";
import { findFailureSource } from "./source.ts";

/** How the function ended. */
export type FunctionEnd =
  | { readonly kind: "returned"; readonly output: EncodedValue; readonly value: unknown }
  | {
      readonly kind: "threw";
      readonly error: unknown;
      /** The recorded input was refused: no line of the function has run. */
      readonly isInputRefused: boolean;
    }
  | {
      readonly kind: "continuedAsNew";
      readonly input: EncodedValue;
      readonly version: string | undefined;
    };

/** What there is to say about an end that history does not have. */
export interface EndReport {
  /** Such as `threw TypeError: ...`. */
  readonly what: string;
  /** The line of user code that threw. */
  readonly source: string | undefined;
  /** What was thrown. */
  readonly cause: unknown;
  /** What to do; undefined where nothing was thrown. */
  readonly advice: string | undefined;
}

/** Longest part of what was thrown that is shown, in UTF-16 units. */
const THROWN_LENGTH_MAX = 1000;

export function reportEnd(end: FunctionEnd): EndReport {
  if (end.kind !== "threw") {
    const what =
      end.kind === "returned" ? `returned ${describeKind(end.value)}` : "continued as new";
    return { what, source: undefined, cause: undefined, advice: undefined };
  }
  const { error, isInputRefused } = end;
  if (isInputRefused && error instanceof ValidationError) {
    const advice =
      "let the schema accept what is recorded (a default, an optional field), " +
      "or register the change as a new version";
    const what = `refused the recorded input, which its schema rejects (${cut(describeIssues(error.issues))})`;
    return { what, source: undefined, cause: error, advice };
  }
  const failure = toFailure(error, "orchestration_failed");
  return {
    what: `threw ${cut(`${failure.name}: ${describePath(failure)}`)}`,
    source: findFailureSource(failure),
    cause: error,
    advice: "mend what throws there, or restore the code that wrote this history",
  };
}

export function describeEnd(end: FunctionEnd | undefined): string {
  return end === undefined ? "went on" : reportEnd(end).what;
}

/** Such as `a string`: values may be secrets, and large. */
function describeKind(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Whether the function ended as it is recorded. */
export function isSameEnd(
  recorded: TerminalEvent<EncodedValue>,
  end: FunctionEnd | undefined,
  isSame: Comparison,
): boolean {
  switch (recorded.kind) {
    case "OrchestrationCompleted":
      return end?.kind === "returned" && isSame(end.output, recorded.output);
    case "OrchestrationContinuedAsNew":
      return (
        end?.kind === "continuedAsNew" &&
        isSame(end.input, recorded.input) &&
        end.version === recorded.version
      );
    case "OrchestrationFailed":
      // Other failures (poison, a damaged store) came over the code from outside.
      return end?.kind === "threw" || recorded.failure.code !== "orchestration_failed";
  }
}

function cut(text: string): string {
  return text.length > THROWN_LENGTH_MAX ? `${text.slice(0, THROWN_LENGTH_MAX)}…` : text;
}
