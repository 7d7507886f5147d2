/** One delivery of one activity: its context, its signal, its outcome. */

import type { EncodedValue } from "../history/event.ts";
import { toFailure, type Failure } from "../history/failure.ts";
import { decodeActivityRequest, type ActivityRequest } from "../history/message.ts";
import { systemClock } from "../foundation/clock.ts";
import { UsageError } from "../foundation/errors.ts";
import { assertPayloadSize } from "../foundation/limits.ts";
import { validate } from "../foundation/standard-schema.ts";
import type { LogLevel } from "../observability/logger.ts";
import type { ActivityContext } from "../orchestration/activity-context.ts";
import type { TraceFields } from "../orchestration/context.ts";
import type { ActivityDefinition } from "../orchestration/define.ts";
import type { StoreHub } from "../provider/hub.ts";
import type { ClaimedActivity } from "../provider/provider.ts";
import type { RuntimeSettings } from "./options.ts";
import { activityPoison } from "./poison.ts";

export type ActivityOutcome =
  | { readonly kind: "completed"; readonly result: EncodedValue }
  | { readonly kind: "failed"; readonly failure: Failure };

/** How a delivery ends; what cannot be read here is another runtime's to run. */
export type RunEnd = ActivityOutcome | { readonly kind: "unreadable"; readonly reason: string };

/** Why an activity is told to stop. */
export type AbortReason = "canceled" | "lost" | "shutdown";

const ABORT_TEXT: Readonly<Record<AbortReason, string>> = {
  canceled: "Cannot go on with the activity: its orchestration no longer wants the result; stop",
  lost: "Cannot go on with the activity: this runtime has lost its lease; stop",
  shutdown:
    "Cannot go on with the activity: the runtime is shutting down; stop, it will be delivered again",
};

/** What the user's function gets. */
interface Delivery {
  readonly input: unknown;
  readonly context: ActivityContext;
}

export class ActivityRun {
  readonly claimed: ClaimedActivity;
  readonly #definition: ActivityDefinition;
  readonly #settings: RuntimeSettings;
  readonly #hub: StoreHub;
  readonly #controller = new AbortController();
  readonly #startedMs = systemClock.monotonicMs();

  constructor(
    claimed: ClaimedActivity,
    definition: ActivityDefinition,
    parts: { readonly settings: RuntimeSettings; readonly hub: StoreHub },
  ) {
    this.claimed = claimed;
    this.#definition = definition;
    this.#settings = parts.settings;
    this.#hub = parts.hub;
  }

  get isAborted(): boolean {
    return this.#controller.signal.aborted;
  }

  /** How long it has been running, in milliseconds. */
  get elapsedMs(): number {
    return systemClock.monotonicMs() - this.#startedMs;
  }

  abort(reason: AbortReason): void {
    this.#controller.abort(
      new UsageError("execution_ended", ABORT_TEXT[reason], { details: { reason } }),
    );
  }

  /** Runs the user's function; never rejects because of it. */
  async start(): Promise<RunEnd> {
    const { claim, name } = this.claimed;
    if (claim.attempt > this.#settings.attemptsMax)
      return { kind: "failed", failure: activityPoison(this.claimed, this.#settings.attemptsMax) };
    let delivery: Delivery;
    try {
      delivery = this.#read();
    } catch (error) {
      return { kind: "unreadable", reason: `its data cannot be read (${String(error)})` };
    }
    try {
      const { input: raw, context } = delivery;
      const { codec, payloadBytesMax } = this.#settings;
      const input = await validate(this.#definition.input, raw, `the input of activity "${name}"`);
      const returned = await this.#definition.run(input as never, context);
      const subject = `the result of activity "${name}"`;
      const result = await validate(this.#definition.output, returned, subject);
      if (result === undefined) return { kind: "completed", result: undefined };
      const encoded = codec.encode(result, subject);
      assertPayloadSize(encoded, subject, payloadBytesMax);
      return { kind: "completed", result: encoded };
    } catch (error) {
      return { kind: "failed", failure: toFailure(error, "activity_failed") };
    }
  }

  /** What another codec wrote is no failure of the activity (guarantee G7). */
  #read(): Delivery {
    const { body, heartbeat } = this.claimed;
    const { codec } = this.#settings;
    const decode = (value: EncodedValue): unknown =>
      value === undefined ? undefined : codec.decode(value);
    const request = decodeActivityRequest(body);
    return {
      input: decode(request.input),
      context: this.#createContext(request, decode(heartbeat)),
    };
  }

  #createContext(request: ActivityRequest, heartbeatDetails: unknown): ActivityContext {
    const { claim, instanceId, name } = this.claimed;
    const { orchestrationName, orchestrationVersion, seed } = request;
    const { workerId, logger } = this.#settings;
    const { executionId, activityId, attempt } = claim;
    const facts = {
      instanceId,
      executionId,
      orchestrationName,
      orchestrationVersion,
      activityName: name,
      activityId,
      workerId,
    };
    const trace =
      (level: LogLevel) =>
      (message: string, fields?: TraceFields): void => {
        logger.log(level, message, { ...facts, ...fields });
      };
    return {
      ...facts,
      attempt,
      idempotencyKey: `${seed}:${activityId}`,
      signal: this.#controller.signal,
      heartbeatDetails,
      heartbeat: (details) => this.#heartbeat(details),
      traceDebug: trace("debug"),
      traceInfo: trace("info"),
      traceWarn: trace("warn"),
      traceError: trace("error"),
    };
  }

  async #heartbeat(details: unknown): Promise<void> {
    this.#controller.signal.throwIfAborted();
    const { codec } = this.#settings;
    const encoded =
      details === undefined ? undefined : codec.encode(details, "the details of a heartbeat");
    const { claim } = this.claimed;
    const outcome = await this.#hub.write({ kind: "heartbeatActivity", claim, details: encoded });
    if (outcome.kind !== "accepted") this.abort("lost");
    this.#controller.signal.throwIfAborted();
  }
}
