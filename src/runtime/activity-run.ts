/** One delivery of one activity: its context, its signal, its outcome. */

import { setMaxListeners } from "node:events";

import type { EncodedValue } from "../history/event.ts";
import { toFailure } from "../history/failure.ts";
import { decodeActivityRequest, type ActivityRequest } from "../history/message.ts";
import { systemClock } from "../foundation/clock.ts";
import { isDuroxideError, UsageError, ValidationError } from "../foundation/errors.ts";
import { invariant } from "../foundation/invariant.ts";
import { isError } from "../foundation/is-error.ts";
import { assertPayloadSize } from "../foundation/limits.ts";
import { validate } from "../foundation/standard-schema.ts";
import type { LogLevel } from "../observability/logger.ts";
import type { ActivityContext, TransactionContext } from "../orchestration/activity-context.ts";
import type { TraceFields } from "../orchestration/context.ts";
import type { ActivityDefinition } from "../orchestration/define.ts";
import type { StoreHub } from "../provider/hub.ts";
import type { ClaimedActivity } from "../provider/provider.ts";
import type { RunEnd } from "./activity-outcome.ts";
import type { RuntimeSettings } from "./options.ts";
import { activityPoison } from "./poison.ts";
import { TransactionRun } from "./transaction-run.ts";

/** Why the signal of an activity is aborted. */
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
  readonly heartbeatDetails: unknown;
  readonly context: TransactionContext;
}

export class ActivityRun {
  readonly claimed: ClaimedActivity;
  readonly #definition: ActivityDefinition;
  readonly #settings: RuntimeSettings;
  readonly #hub: StoreHub;
  /** Made when the activity reads its signal: most never do, and it is the most expensive part. */
  #controller: AbortController | undefined;
  #abortError: UsageError | undefined;
  #isResultWanted = true;
  /** Its function has returned: what it left running counts for nothing. */
  #hasEnded = false;
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
    return this.#abortError !== undefined;
  }

  /**
   * Whether its return value is a result although its signal was aborted: it has never read the signal and
   * no heartbeat was refused, so it has not stopped halfway, and its instance may still wait for it.
   */
  get isResultWanted(): boolean {
    return this.#isResultWanted && this.#controller === undefined;
  }

  /** How long it has been running, in milliseconds. */
  get elapsedMs(): number {
    return systemClock.monotonicMs() - this.#startedMs;
  }

  /** @param isResultWanted - Its claim has ended, which does not say why: its result may be wanted still */
  abort(reason: AbortReason, isResultWanted: boolean): void {
    this.#isResultWanted &&= isResultWanted;
    this.#abortError ??= new UsageError("execution_ended", ABORT_TEXT[reason], {
      details: { reason },
    });
    this.#controller?.abort(this.#abortError);
  }

  get #signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      setMaxListeners(0, this.#controller.signal); // An activity may have as many waits as it wants.
      if (this.#abortError !== undefined) this.#controller.abort(this.#abortError);
    }
    return this.#controller.signal;
  }

  /** Runs the user's function in the context of the runtime; never rejects because of it. */
  start(): Promise<RunEnd> {
    return this.#settings.activityContext.run(() => this.#start());
  }

  #start(): Promise<RunEnd> {
    const { crashes } = this.claimed;
    if (crashes >= this.#settings.crashesMax) {
      const failure = activityPoison(this.claimed, this.#settings.crashesMax);
      return Promise.resolve({ kind: "failed", failure });
    }
    let delivery: Delivery;
    try {
      delivery = this.#read();
    } catch (error) {
      const reason = `its data cannot be read (${String(error)})`;
      return Promise.resolve({ kind: "unreadable", reason });
    }
    const { run, runInTransaction } = this.#definition;
    if (runInTransaction !== undefined) return this.#startTransaction(delivery, runInTransaction);
    const context: ActivityContext = Object.assign(delivery.context, {
      heartbeatDetails: delivery.heartbeatDetails,
      heartbeat: (details?: unknown) => this.#beat(details),
    });
    // Not an `await`: each promise costs every activity.
    return this.#call(delivery, (input) => run(input, context)).then(toCompleted, toFailed);
  }

  async #startTransaction(
    delivery: Delivery,
    body: NonNullable<ActivityDefinition["runInTransaction"]>,
  ): Promise<RunEnd> {
    const { transactions } = this.#hub.provider;
    invariant(transactions !== undefined, "a runtime refuses transactions where there are none");
    return new TransactionRun({
      claimed: this.claimed,
      settings: this.#settings,
      hub: this.#hub,
      transactions,
      signal: this.#signal,
      work: (tx) => this.#call(delivery, (input) => body(tx, input, delivery.context)),
    }).start();
  }

  /** Hands the input to the user's function. @returns Its result, encoded */
  async #call(delivery: Delivery, run: (input: never) => unknown): Promise<EncodedValue> {
    const { name } = this.claimed;
    const { input, output } = this.#definition;
    // Awaited also without a schema: the function begins after the commit of its turn has been announced.
    const checked: unknown = await (input === undefined
      ? delivery.input
      : this.#checkInput(delivery.input));
    let returned: unknown;
    try {
      returned = await run(checked as never);
    } finally {
      this.#hasEnded = true;
    }
    const subject = `the result of activity "${name}"`;
    try {
      return this.#encode(
        output === undefined ? returned : await validate(output, returned, subject),
        subject,
      );
    } catch (error) {
      throw finalError(error); // The function has done its work: a retry would do it again.
    }
  }

  async #checkInput(input: unknown): Promise<unknown> {
    try {
      const subject = `the input of activity "${this.claimed.name}"`;
      return await validate(this.#definition.input, input, subject);
    } catch (error) {
      throw error instanceof ValidationError ? finalError(error) : error;
    }
  }

  #encode(result: unknown, subject: string): EncodedValue {
    const { codec, payloadBytesMax } = this.#settings;
    if (result === undefined) return undefined;
    const encoded = codec.encode(result, subject);
    assertPayloadSize(encoded, subject, payloadBytesMax);
    return encoded;
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
      heartbeatDetails: decode(heartbeat),
      context: this.#createContext(request),
    };
  }

  #createContext(request: ActivityRequest): TransactionContext {
    const { claim, instanceId, name } = this.claimed;
    const { orchestrationName, orchestrationVersion, seed } = request;
    const { workerId, logger } = this.#settings;
    const { executionId, activityId, attempt } = claim;
    const log = (level: LogLevel, message: string, fields: TraceFields | undefined): void => {
      logger.log(level, message, {
        instanceId,
        executionId,
        orchestrationName,
        orchestrationVersion,
        activityName: name,
        activityId,
        workerId,
        ...fields,
      });
    };
    const getSignal = (): AbortSignal => this.#signal;
    return {
      instanceId,
      executionId,
      orchestrationName,
      orchestrationVersion,
      activityName: name,
      activityId,
      workerId,
      attempt,
      idempotencyKey: `${seed}:${activityId}`,
      get signal() {
        return getSignal();
      },
      traceDebug: (message, fields) => {
        log("debug", message, fields);
      },
      traceInfo: (message, fields) => {
        log("info", message, fields);
      },
      traceWarn: (message, fields) => {
        log("warn", message, fields);
      },
      traceError: (message, fields) => {
        log("error", message, fields);
      },
    };
  }

  /** Beats are often sent from an interval that awaits nothing: then no rejection may reach the host. */
  #beat(details: unknown): Promise<void> {
    const beat = this.#heartbeat(details);
    beat.catch((error: unknown) => {
      // Its signal says the same.
      if (isDuroxideError(error) && error.code === "execution_ended") return;
      const { instanceId, name, claim } = this.claimed;
      this.#settings.logger.log("warn", "A heartbeat was not stored", {
        instanceId,
        activityName: name,
        activityId: claim.activityId,
        error: String(error),
      });
    });
    return beat;
  }

  #assertWanted(): void {
    if (this.#hasEnded) {
      throw new UsageError(
        "execution_ended",
        "Cannot store a heartbeat: the function of the activity has ended; stop its interval in a `finally`",
      );
    }
    if (this.#abortError === undefined) return;
    this.#isResultWanted = false; // It knows now, and may stop halfway.
    throw this.#abortError;
  }

  async #heartbeat(details: unknown): Promise<void> {
    this.#assertWanted();
    const { codec, payloadBytesMax } = this.#settings;
    const subject = "the details of a heartbeat";
    const encoded = details === undefined ? undefined : codec.encode(details, subject);
    if (encoded !== undefined) assertPayloadSize(encoded, subject, payloadBytesMax);
    const { claim } = this.claimed;
    const outcome = await this.#hub.write({ kind: "heartbeatActivity", claim, details: encoded });
    if (outcome.kind !== "accepted") this.abort("lost", true);
    this.#assertWanted();
  }
}

function toCompleted(result: EncodedValue): RunEnd {
  return { kind: "completed", result };
}

function toFailed(error: unknown): RunEnd {
  return { kind: "failed", failure: toFailure(error, "activity_failed") };
}

/** Marks an error that comes again however often the activity is tried. */
function finalError(error: unknown): unknown {
  if (isError(error) && Object.isExtensible(error))
    Object.defineProperty(error, "isNonRetryable", { value: true, configurable: true });
  return error;
}
