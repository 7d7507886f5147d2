/** What user code catches, rebuilt from what history keeps: class, message, code, cause chain, details. */

import { DuroxideError, markErrors, type ErrorCategory } from "../foundation/errors.ts";
import { isError } from "../foundation/is-error.ts";
import { describeFailure } from "../history/failure-text.ts";
import type { Failure } from "../history/failure.ts";

/** An error as the worker threw it. */
export interface FailureDetails {
  /** Class name. */
  readonly name: string;
  /** Its own `code`, if it had one. */
  readonly code: string | number | undefined;
  /** Its other properties, as far as they are JSON. */
  readonly data: unknown;
  readonly stack: string | undefined;
  readonly cause: Failure | undefined;
  /** The errors of an `AggregateError`. */
  readonly errors?: readonly Failure[] | undefined;
}

function toDetails(failure: Failure): FailureDetails {
  return {
    name: failure.name,
    code: failure.userCode,
    data: failure.data,
    stack: failure.stack,
    cause: failure.cause,
    ...(failure.errors !== undefined && { errors: failure.errors }),
  };
}

/** The end of a chain of causes. */
export function findRootCause(error: Error): Error {
  let root = error;
  while (isError(root.cause)) root = root.cause;
  return root;
}

/** A failure as the error that was thrown, with its chain of causes, so that loggers print it. */
export function toCause(failure: Failure): Error {
  const cause = failure.cause && toCause(failure.cause);
  const options = cause === undefined ? undefined : { cause };
  const error =
    failure.errors === undefined
      ? new Error(failure.message, options)
      : new AggregateError(failure.errors.map(toCause), failure.message, options);
  error.name = failure.name;
  // Its own stack lies in the engine and says nothing.
  error.stack = failure.stack ?? `${failure.name}: ${failure.message}`;
  if (typeof failure.data === "object" && failure.data !== null) Object.assign(error, failure.data);
  if (failure.userCode !== undefined) Object.assign(error, { code: failure.userCode });
  return error;
}

/**
 * Lets printers show the chain of causes, with the stack of the user's code, and not the same once more
 * as data. The stack of the error itself lies in the engine and says nothing.
 */
function showCauseOnly(error: ActivityError | SubOrchestrationError): void {
  error.stack = `${error.name}: ${error.message}`;
  for (const key of ["failure", "details"] as const)
    Object.defineProperty(error, key, { enumerable: false });
}

/** An activity failed: its worker threw, its result was refused, or it kept crashing its workers. */
export class ActivityError extends DuroxideError implements BranchFailure {
  static {
    markErrors(this, "ActivityError");
  }
  override readonly name = "ActivityError";
  readonly activityName: string;
  /** The delivery that failed, from 1. */
  readonly attempt: number;
  /** The error as the worker threw it. */
  declare readonly details: FailureDetails;
  /** The failure in its stored form. */
  readonly failure: Failure;
  /** What the worker threw. */
  declare readonly cause: Error;
  declare readonly index?: number | undefined;
  declare readonly key?: string | undefined;

  constructor(activityName: string, attempt: number, failure: Failure) {
    super("activity_failed", describeFailure(failure), {
      category: failure.category,
      retryable: failure.isNonRetryable !== true,
      details: toDetails(failure),
      cause: toCause(failure),
    });
    this.activityName = activityName;
    this.attempt = attempt;
    this.failure = failure;
    showCauseOnly(this);
  }

  /** The end of the chain of causes: what was thrown first, with its own `code` and properties. */
  get rootCause(): Error {
    return findRootCause(this);
  }
}

/** A child orchestration failed or was canceled. */
export class SubOrchestrationError extends DuroxideError implements BranchFailure {
  static {
    markErrors(this, "SubOrchestrationError");
  }
  override readonly name = "SubOrchestrationError";
  readonly orchestrationName: string;
  readonly instanceId: string;
  /** True when the child was canceled rather than failed. */
  readonly isCanceled: boolean;
  declare readonly details: FailureDetails;
  readonly failure: Failure;
  /** What the child threw. */
  declare readonly cause: Error;
  declare readonly index?: number | undefined;
  declare readonly key?: string | undefined;

  constructor(orchestrationName: string, instanceId: string, failure: Failure) {
    super("sub_orchestration_failed", describeFailure(failure), {
      category: failure.category,
      details: toDetails(failure),
      cause: toCause(failure),
    });
    this.orchestrationName = orchestrationName;
    this.instanceId = instanceId;
    this.isCanceled = failure.code === "canceled";
    this.failure = failure;
    showCauseOnly(this);
  }

  /** The end of the chain of causes: what was thrown first, with its own `code` and properties. */
  get rootCause(): Error {
    return findRootCause(this);
  }
}

/** Which branch of `ctx.select`, `ctx.all` or `ctx.join` an error came from; set where it is thrown. */
export interface BranchFailure {
  /** Of a list of branches. */
  readonly index?: number | undefined;
  /** Of a record of branches. */
  readonly key?: string | undefined;
}

/** The awaited operation was canceled by the orchestration itself. */
export class CanceledError extends DuroxideError implements BranchFailure {
  static {
    markErrors(this, "CanceledError");
  }
  override readonly name = "CanceledError";
  declare readonly index?: number | undefined;
  declare readonly key?: string | undefined;

  /**
   * @param reason - For programs
   * @param options - `why`: for people, default the reason; `code`: "branch_lost" where a whole
   *   branch ends
   */
  constructor(
    what: string,
    reason: string,
    options: {
      readonly why?: string;
      readonly code?: "operation_canceled" | "branch_lost";
    } = {},
  ) {
    const { code = "operation_canceled", why = reason } = options;
    const message =
      code === "branch_lost"
        ? `Cannot finish ${what}: its branch has lost, another one was first; clean up and end`
        : `Cannot finish ${what}: it was canceled (${why})`;
    super(code, message, { category: "application", details: { reason } });
  }
}

/** Thrown by an activity to say that trying again cannot help. */
export class NonRetryableError extends DuroxideError {
  static {
    markErrors(this, "NonRetryableError");
  }
  override readonly name = "NonRetryableError";
  readonly isNonRetryable = true;

  constructor(
    message: string,
    options: { readonly details?: unknown; readonly cause?: unknown } = {},
  ) {
    super("non_retryable", message, { category: "application", ...options });
  }
}

/** What code and history disagree about. */
export interface Divergence {
  readonly code:
    "nondeterminism" | "guard_violation" | "foreign_await" | "turn_stalled" | "history_corrupt";
  /** Where in history; absent when the code itself is at fault. */
  readonly eventId?: number | undefined;
  /** What history holds. */
  readonly expected?: string | undefined;
  /** What the code did. */
  readonly actual?: string | undefined;
  /** One sentence for people. */
  readonly message: string;
  /** The nearest line of user code. */
  readonly source?: string | undefined;
  readonly stack?: string | undefined;
  /** What the function threw where history goes on, as the `cause` of the error. */
  readonly cause?: unknown;
}

/** The code does not do what its history says, or does something that cannot be replayed. */
export class NondeterminismError extends DuroxideError {
  static {
    markErrors(this, "NondeterminismError");
  }
  override readonly name = "NondeterminismError";
  readonly divergence: Omit<Divergence, "cause">;

  constructor({ cause, ...divergence }: Divergence) {
    super(divergence.code, divergence.message, {
      category: "configuration" satisfies ErrorCategory,
      details: divergence,
      cause,
    });
    this.divergence = divergence;
    if (divergence.stack !== undefined) this.stack = divergence.stack;
  }
}
