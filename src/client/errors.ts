/** What clients throw about instances. */

import { DuroxideError, markErrors } from "../foundation/errors.ts";
import { describePath } from "../history/failure-text.ts";
import type { Failure } from "../history/failure.ts";
import { findRootCause, toCause } from "../orchestration/errors.ts";
import type { KnownStatus } from "./status.ts";

/** The orchestration failed; thrown by `handle.result()`. */
export class OrchestrationFailedError extends DuroxideError {
  static {
    markErrors(this, "OrchestrationFailedError");
  }
  override readonly name = "OrchestrationFailedError";
  readonly instanceId: string;
  /** The failure as the orchestration left it: class name, message, code, data, cause, stack. */
  readonly failure: Failure;
  /** What the orchestration threw. */
  declare readonly cause: Error;

  constructor(instanceId: string, failure: Failure) {
    super(
      "orchestration_failed",
      `Orchestration "${instanceId}" failed: ${describePath(failure)}`,
      {
        category: failure.category,
        details: {
          name: failure.name,
          code: failure.userCode,
          data: failure.data,
          stack: failure.stack,
        },
        cause: toCause(failure),
      },
    );
    this.instanceId = instanceId;
    this.failure = failure;
    // The chain of causes says the same, and printers show it.
    for (const key of ["failure", "details"] as const)
      Object.defineProperty(this, key, { enumerable: false });
  }

  /** The end of the chain of causes: what was thrown first, with its own `code` and properties. */
  get rootCause(): Error {
    return findRootCause(this);
  }
}

/** The orchestration was canceled; thrown by `handle.result()`. */
export class OrchestrationCanceledError extends DuroxideError {
  static {
    markErrors(this, "OrchestrationCanceledError");
  }
  override readonly name = "OrchestrationCanceledError";
  readonly instanceId: string;
  readonly reason: string;
  /** Whether it was ended by `terminateInstance`, without its code. */
  readonly isTerminated: boolean;

  constructor(instanceId: string, reason: string, isTerminated = false) {
    const why = reason === "" ? "" : `: ${reason}`;
    const how = isTerminated ? "terminated" : "canceled";
    super("orchestration_canceled", `Orchestration "${instanceId}" was ${how}${why}`, {
      category: "application",
      details: { reason, isTerminated },
    });
    this.instanceId = instanceId;
    this.reason = reason;
    this.isTerminated = isTerminated;
  }
}

/** The id is in use; nothing was started. */
export class InstanceAlreadyExistsError extends DuroxideError {
  static {
    markErrors(this, "InstanceAlreadyExistsError");
  }
  override readonly name = "InstanceAlreadyExistsError";
  readonly instanceId: string;
  /** What the id is used by. */
  readonly status: KnownStatus;

  /** @param wanted - The orchestration that was to be started */
  constructor(status: KnownStatus, wanted: string = status.name) {
    const { instanceId, name } = status;
    const choices = ["choose another id"];
    if (status.status !== "Pending" && status.status !== "Running")
      choices.push('pass idReuse "replaceFinished" to start anew');
    if (name === wanted) choices.push('pass idReuse "ignore" for a handle on it');
    super(
      "instance_already_exists",
      `Cannot start instance "${instanceId}" as "${wanted}": the id is in use by a "${name}" that is ` +
        `${status.status}; ${choices.join(", or ")}`,
      { category: "application", details: { instanceId, status: status.status } },
    );
    this.instanceId = instanceId;
    this.status = status;
  }
}

/** No instance has this id. */
export class InstanceNotFoundError extends DuroxideError {
  static {
    markErrors(this, "InstanceNotFoundError");
  }
  override readonly name = "InstanceNotFoundError";
  readonly instanceId: string;

  /** @param missing - The execution that the instance does not have, and its newest one */
  constructor(
    instanceId: string,
    store: string,
    missing?: { readonly executionId: number; readonly newest: number },
  ) {
    const message =
      missing === undefined
        ? `Cannot read instance "${instanceId}": it does not exist in ${store}; check the id, and whether it was started in this store`
        : `Cannot read execution ${missing.executionId} of instance "${instanceId}": the newest one is ${missing.newest}, and listExecutions() names those that are kept; pass one of them`;
    super("instance_not_found", message, {
      category: "application",
      details: { instanceId, executionId: missing?.executionId },
    });
    this.instanceId = instanceId;
  }
}

/** The run that a handle or a wait is about is gone: another one has its id. */
export class InstanceReplacedError extends DuroxideError {
  static {
    markErrors(this, "InstanceReplacedError");
  }
  override readonly name = "InstanceReplacedError";
  readonly instanceId: string;

  constructor(instanceId: string) {
    super(
      "instance_replaced",
      `Cannot read the run of instance "${instanceId}": the id belongs to another start, which has replaced the finished run ` +
        '(idReuse "replaceFinished"), or which came after the transaction of this one was rolled back; ' +
        "read a result before its id is used again, or use ids of their own",
      { category: "application", details: { instanceId } },
    );
    this.instanceId = instanceId;
  }
}

/** The instance has ended without the fact that a wait is for. */
export class InstanceEndedError extends DuroxideError {
  static {
    markErrors(this, "InstanceEndedError");
  }
  override readonly name = "InstanceEndedError";
  readonly instanceId: string;
  readonly status: string;

  /** @param subject - What was waited for, as in `key "a" of instance "b"` */
  constructor(subject: string, instanceId: string, status: string) {
    super(
      "instance_ended",
      `Cannot wait longer for ${subject}: the instance has ended as ${status} without it; ` +
        "read its status and its output",
      { category: "application", details: { instanceId, status } },
    );
    this.instanceId = instanceId;
    this.status = status;
  }
}
