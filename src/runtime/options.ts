/** Every option of a runtime, with unit, bounds and default, and their validation. */

import { AsyncContext } from "../foundation/async-context.ts";
import { DURATION_MS_MAX, parseDurationMs, type DurationInput } from "../foundation/duration.ts";
import { UsageError } from "../foundation/errors.ts";
import { jsonCodec, type Codec } from "../foundation/json.ts";
import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { OptionDoor, showValue } from "../foundation/option-values.ts";
import { PAYLOAD_BYTES_MAX } from "../foundation/limits.ts";
import { consoleLogger, type Logger } from "../observability/logger.ts";
import { toLogger, type LoggerLike } from "../observability/logger-like.ts";
import type { ActivityDefinition, OrchestrationDefinition } from "../orchestration/define.ts";
import type { ActivityRegistry, OrchestrationRegistry } from "../orchestration/registry.ts";
import type { Provider } from "../provider/provider.ts";
import { GUARD_MODES, type GuardMode } from "../replay/guards.ts";
import { activityCode } from "../replay/thread.ts";
import { toActivities, toOrchestrations } from "./definition-lists.ts";
import type { StallPolicy } from "./stall-watch.ts";

/** What happens when code and history disagree. */
export type NondeterminismPolicy = "park" | "fail";

export interface RuntimeOptions {
  readonly store: Provider;
  readonly activities?: readonly ActivityDefinition[] | ActivityRegistry;
  readonly orchestrations?: readonly OrchestrationDefinition[] | OrchestrationRegistry;
  /** Most activities running at once, 0 or more; 0 leaves activities to other runtimes. @default 100 */
  readonly activityConcurrency?: number;
  /** Most instances with a turn under way at once, 1 or more. @default 1000 */
  readonly orchestrationConcurrency?: number;
  /**
   * How long {@link Runtime.start} waits for a store that cannot be reached, or is busy, before it
   * rejects with what the store says; 0 asks once.
   *
   * @default 0
   */
  readonly waitForStore?: DurationInput;
  /** How long work stays with a runtime that has died; 200 ms to a day. @default "10s" */
  readonly lease?: DurationInput;
  /**
   * Deliveries of an activity, or turns of an instance, that end in a crash before it is given up as
   * poison; 1 or more.
   *
   * @default 10
   */
  readonly poisonAfterCrashes?: number;
  /** How long a canceled activity may go on before its slot is used again. @default "10s" */
  readonly cancellationGrace?: DurationInput;
  /**
   * How long the event loop of the process may stand still before that is reported on standard error,
   * with what it is doing; 100 ms to a day. Time in which the process is paused does not count.
   *
   * @default "30s"
   */
  readonly stallAfter?: DurationInput;
  /** `"exit"`: such a stall also ends the process, with status 70, for a supervisor to start it again. @default "report" */
  readonly onStall?: StallPolicy;
  /** First delay before an unknown activity or a parked instance is tried again; doubles. @default "1s" */
  readonly parkedRetryMin?: DurationInput;
  /** Longest such delay. @default "60s" */
  readonly parkedRetryMax?: DurationInput;
  /** What is kept in memory between turns. */
  readonly residency?: {
    /** Most instances. @default 10000 */
    readonly maxInstances?: number;
    /** Most history bytes behind them. @default 256 MiB */
    readonly maxBytes?: number;
    /** Forgets every instance after every turn: proves that replay from the store agrees. @default false */
    readonly evictAfterEveryTurn?: boolean;
  };
  /** @default "error" */
  readonly guards?: GuardMode;
  /**
   * `"park"`: the instance keeps status Running with a `blocked` reason and goes on when fitting code
   * starts. `"fail"`: it fails with a configuration error.
   *
   * @default "park"
   */
  readonly nondeterminism?: NondeterminismPolicy;
  /** Must be the one that clients use. @default JSON */
  readonly codec?: Codec;
  /** Largest value in UTF-8 bytes. @default 16 MiB */
  readonly payloadBytesMax?: number;
  /**
   * Takes the lines of the runtime: ours, pino or another one that takes fields before the message,
   * winston, or the console. Its level decides what it drops.
   *
   * @default one line per entry on standard error, from level info
   */
  readonly logger?: LoggerLike;
  /** Names this runtime in logs and in `ctx.workerId`. @default a random name */
  readonly workerId?: string;
}

const RUNTIME_OPTIONS: OptionNames<RuntimeOptions> = {
  store: true,
  activities: true,
  orchestrations: true,
  activityConcurrency: true,
  orchestrationConcurrency: true,
  waitForStore: true,
  lease: true,
  poisonAfterCrashes: true,
  cancellationGrace: true,
  stallAfter: true,
  onStall: true,
  parkedRetryMin: true,
  parkedRetryMax: true,
  residency: true,
  guards: true,
  nondeterminism: true,
  codec: true,
  payloadBytesMax: true,
  logger: true,
  workerId: true,
};

const RESIDENCY_OPTIONS: OptionNames<NonNullable<RuntimeOptions["residency"]>> = {
  maxInstances: true,
  maxBytes: true,
  evictAfterEveryTurn: true,
};

/** Options with defaults applied and units fixed. */
export interface RuntimeSettings {
  readonly store: Provider;
  readonly activities: ActivityRegistry;
  readonly orchestrations: OrchestrationRegistry;
  readonly activityConcurrency: number;
  readonly orchestrationConcurrency: number;
  readonly waitForStoreMs: number;
  readonly leaseMs: number;
  readonly crashesMax: number;
  readonly cancellationGraceMs: number;
  readonly stallAfterMs: number;
  readonly onStall: StallPolicy;
  readonly parkedRetryMinMs: number;
  readonly parkedRetryMaxMs: number;
  readonly residentInstancesMax: number;
  readonly residentBytesMax: number;
  readonly isCold: boolean;
  readonly guards: GuardMode;
  readonly nondeterminism: NondeterminismPolicy;
  readonly codec: Codec;
  readonly payloadBytesMax: number;
  readonly logger: Logger;
  /** The context of the caller of `Runtime.start`: code of the user runs in it, and in no other. */
  readonly context: AsyncContext;
  /** The same context, marked as that of activities. */
  readonly activityContext: AsyncContext;
  readonly workerId: string;
}

const LEASE_MS_MIN = 200;
/** A day: what a dead runtime held waits that long. */
const LEASE_MS_MAX = 86_400_000;
const STALL_MS_MIN = 100;
const STALL_MS_MAX = 86_400_000;
const RETRY_DELAY_MAX_MS = 60_000;

const door = new OptionDoor("Cannot start a runtime");

/** @throws UsageError naming the first option that cannot be used */
export function toSettings(options: RuntimeOptions, randomName: string): RuntimeSettings {
  assertKnownOptions(options, RUNTIME_OPTIONS, "Runtime.start");
  assertKnownOptions(options.residency ?? {}, RESIDENCY_OPTIONS, "`residency`");
  assertStore(options.store);
  const parkedRetryMinMs = door.duration("parkedRetryMin", options.parkedRetryMin ?? "1s", {
    min: 1,
    max: DURATION_MS_MAX,
  });
  const activities = toActivities(options.activities ?? []);
  assertTransactions(activities, options.store);
  return {
    store: options.store,
    activities,
    orchestrations: toOrchestrations(options.orchestrations ?? []),
    activityConcurrency: door.count("activityConcurrency", options.activityConcurrency ?? 100, 0),
    orchestrationConcurrency: door.count(
      "orchestrationConcurrency",
      options.orchestrationConcurrency ?? 1000,
      1,
    ),
    waitForStoreMs: parseDurationMs(options.waitForStore ?? 0, "`waitForStore`"),
    leaseMs: door.duration("lease", options.lease ?? "10s", {
      min: LEASE_MS_MIN,
      max: LEASE_MS_MAX,
    }),
    crashesMax: door.count("poisonAfterCrashes", options.poisonAfterCrashes ?? 10, 1),
    stallAfterMs: door.duration("stallAfter", options.stallAfter ?? "30s", {
      min: STALL_MS_MIN,
      max: STALL_MS_MAX,
    }),
    onStall: door.oneOf("onStall", options.onStall ?? "report", ["report", "exit"]),
    cancellationGraceMs: door.duration("cancellationGrace", options.cancellationGrace ?? "10s", {
      min: 0,
      max: DURATION_MS_MAX,
    }),
    parkedRetryMinMs,
    // A first delay beyond the usual bound is meant.
    parkedRetryMaxMs: door.duration(
      "parkedRetryMax",
      options.parkedRetryMax ?? Math.max(RETRY_DELAY_MAX_MS, parkedRetryMinMs),
      { min: parkedRetryMinMs, max: DURATION_MS_MAX },
    ),
    residentInstancesMax: door.count(
      "residency.maxInstances",
      options.residency?.maxInstances ?? 10_000,
      1,
    ),
    residentBytesMax: door.count(
      "residency.maxBytes",
      options.residency?.maxBytes ?? 256 * 1024 * 1024,
      1,
    ),
    isCold: door.flag(
      "residency.evictAfterEveryTurn",
      options.residency?.evictAfterEveryTurn ?? false,
    ),
    guards: door.oneOf("guards", options.guards ?? "error", GUARD_MODES),
    nondeterminism: door.oneOf("nondeterminism", options.nondeterminism ?? "park", [
      "park",
      "fail",
    ]),
    codec: toCodec(options.codec ?? jsonCodec),
    payloadBytesMax: door.count("payloadBytesMax", options.payloadBytesMax ?? PAYLOAD_BYTES_MAX, 1),
    logger: neverThrowing(options.logger ?? consoleLogger()),
    context: AsyncContext.capture(),
    activityContext: toActivityContext(),
    workerId: text("workerId", options.workerId ?? randomName),
  };
}

function toActivityContext(): AsyncContext {
  const context: { marked?: AsyncContext } = {};
  activityCode.run(true, () => {
    context.marked = AsyncContext.capture();
  });
  return context.marked as AsyncContext;
}

function toCodec(codec: Codec): Codec {
  const { encode, decode } = codec as Partial<Codec>;
  if (typeof encode === "function" && typeof decode === "function") return codec;
  throw door.refusal("codec", showValue(codec), "an object with `encode` and `decode`");
}

/** A logger that breaks must not break a turn that has just been committed. */
function neverThrowing(given: LoggerLike): Logger {
  const logger = toLogger(given);
  if (logger === undefined)
    throw door.refusal(
      "logger",
      showValue(given),
      "an object with a method `log`, or a logger of pino's kind",
    );
  return {
    log(level, message, fields) {
      try {
        logger.log(level, message, fields);
      } catch {
        // There is nowhere left to report it.
      }
    },
  };
}

function assertStore(store: unknown): void {
  if (typeof (store as Provider | null | undefined)?.write === "function") return;
  throw door.refusal(
    "store",
    showValue(store),
    "a provider such as `await SqliteProvider.open(file)`",
  );
}

function assertTransactions(activities: ActivityRegistry, store: Provider): void {
  if (store.transactions !== undefined) return;
  const found = activities.definitions().find((one) => one.runInTransaction !== undefined);
  if (found === undefined) return;
  throw new UsageError(
    "invalid_argument",
    `Cannot start a runtime: activity "${found.name}" is a transaction, and the store "${store.name}" does not share any; use a store that does, or defineActivity()`,
  );
}

function text(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw door.refusal(name, showValue(value), "a text that is not empty");
}
