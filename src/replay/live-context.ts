/** `ctx`: turns calls of user code into operations and actions of an execution. */

import { parseDurationMs, type DurationInput } from "../foundation/duration.ts";
import { UsageError } from "../foundation/errors.ts";
import { NOT_A_VALUE, type NotAValue } from "../foundation/json.ts";
import { assertKnownOptions } from "../foundation/known-options.ts";
import { OptionDoor } from "../foundation/option-values.ts";
import { assertInstanceId, CUSTOM_STATUS_BYTES_MAX } from "../foundation/limits.ts";
import { guardMethods } from "../foundation/own-object.ts";
import { validateSync } from "../foundation/standard-schema.ts";
import type { EncodedValue } from "../history/event.ts";
import {
  type KeyValueStore,
  type OrchestrationContext,
  SELECT_OPTIONS,
  type SelectOptions,
  SUB_ORCHESTRATION_OPTIONS,
  type SubOrchestrationOptions,
  type TraceFields,
  VERSION_OPTIONS,
  type VersionOption,
} from "../orchestration/context.ts";
import type {
  ActivityDefinition,
  EventDefinition,
  OrchestrationDefinition,
  QueueDefinition,
} from "../orchestration/define.ts";
import type { Branch, DurableFuture } from "../orchestration/durable-future.ts";
import { assertVersion } from "../orchestration/version.ts";
import { LiveKeyValueStore } from "./live-kv.ts";
import { assertList, assertListOrRecord, assertNotLost, assertRace } from "./branches.ts";
import { AllFuture, JoinFuture, SelectFuture, type CombinationHost } from "./combinators.ts";
import { nameOf, type DefinitionKind } from "./definition-name.ts";
import type { Execution } from "./execution.ts";
import { SleepingFuture } from "./future.ts";
import { Operation } from "./operation.ts";
import { Scope } from "./scope.ts";
import { warnOfMessage } from "./untaken.ts";

/** Events from which on a new execution is suggested. */
const SUGGESTED_HISTORY_LENGTH = 10_000;
/** The furthest date that JavaScript can name, in milliseconds since the Unix epoch. */
const DATE_MS_MAX = 8_640_000_000_000_000;

const START_DOOR = new OptionDoor("Cannot start an orchestration");
const CONTINUE_DOOR = new OptionDoor("Cannot continue as new");
const SELECT_DOOR = new OptionDoor("Cannot select");

type Named = { readonly name: string } | string;

// The interface of users is overloaded and precise; here one implementation serves all overloads.
type Implementation = {
  [K in keyof OrchestrationContext]: OrchestrationContext[K] extends (
    ...args: infer _Args
  ) => unknown
    ? unknown
    : OrchestrationContext[K];
};

export class LiveContext implements Implementation {
  readonly #execution: Execution;
  readonly #scope: Scope;
  #kv: KeyValueStore | undefined;

  static {
    guardMethods(this, "ctx", (it) => #execution in it);
  }

  constructor(execution: Execution, scope: Scope) {
    this.#execution = execution;
    this.#scope = scope;
  }

  /** A context for user code. */
  static create(execution: Execution, scope: Scope): OrchestrationContext {
    return new LiveContext(execution, scope) as unknown as OrchestrationContext;
  }

  get instanceId(): string {
    return this.#execution.instanceId;
  }
  get executionId(): number {
    return this.#execution.executionId;
  }
  get orchestrationName(): string {
    return this.#execution.name;
  }
  get orchestrationVersion(): string {
    return this.#execution.version;
  }
  get parentInstanceId(): string | undefined {
    return this.#execution.parent?.instanceId;
  }
  get isReplaying(): boolean {
    return this.#execution.isReplaying;
  }
  get historyLength(): number {
    return this.#execution.historyLength;
  }
  get continueAsNewSuggested(): boolean {
    return this.#execution.historyLength >= SUGGESTED_HISTORY_LENGTH;
  }

  scheduleActivity(
    activity: ActivityDefinition | string,
    input?: unknown,
    options?: object,
  ): DurableFuture<unknown> {
    assertNoOptions(options, "ctx.scheduleActivity");
    if (this.#execution.isAsleep(this.#scope)) return new SleepingFuture("activity");
    const name = this.#enter(activity, "activity");
    const subject = `the input of activity "${name}"`;
    const schema = typeof activity === "string" ? undefined : activity.input;
    validateSync(schema, input, subject);
    const encoded = this.#execution.encode(input, subject);
    const operation = this.#open("activity", name, (value) => this.#execution.decode(value));
    const inputs = typeof activity === "string" ? undefined : activity.inputs;
    this.#execution.emit({ kind: "ActivityScheduled", name, input: encoded }, operation, inputs);
    return operation;
  }

  scheduleTimer(
    delay: DurationInput | { readonly until: Date },
    options?: object,
  ): DurableFuture<unknown> {
    assertNoOptions(options, "ctx.scheduleTimer");
    if (this.#execution.isAsleep(this.#scope)) return new SleepingFuture("timer");
    this.#execution.assertUsable(this.#scope);
    const isRelative = typeof delay !== "object";
    // A delay counts from the time of the wall clock, which may be behind that of the turn.
    const wallMs = this.#execution.nowMs - this.#execution.aheadMs;
    const fireAtMs = isRelative
      ? wallMs + parseDurationMs(delay, "the delay of a timer", (date) => `{ until: ${date} }`)
      : untilMs(delay);
    const operation = this.#open("timer", "", () => undefined);
    this.#execution.emit(
      { kind: "TimerCreated", fireAtMs: Math.min(fireAtMs, DATE_MS_MAX), isRelative },
      operation,
    );
    return operation;
  }

  scheduleWait(event: EventDefinition | string, options?: object): DurableFuture<unknown> {
    assertNoOptions(options, "ctx.scheduleWait");
    if (this.#execution.isAsleep(this.#scope)) return new SleepingFuture("event");
    const name = this.#enter(event, "event");
    const schema = typeof event === "string" ? undefined : event.schema;
    this.#execution.warnOfLostMessage("event", name);
    const operation = this.#open("event", name, (value) =>
      validateSync(schema, this.#execution.decode(value), `the data of event "${name}"`),
    );
    this.#execution.emit({ kind: "ExternalSubscribed", name }, operation);
    this.#execution.mailbox.addWait(operation);
    warnOfMessage(this.#execution, name);
    return operation;
  }

  dequeueEvent(queue: QueueDefinition | string, options?: object): DurableFuture<unknown> {
    assertNoOptions(options, "ctx.dequeueEvent");
    if (this.#execution.isAsleep(this.#scope)) return new SleepingFuture("queue");
    const name = this.#enter(queue, "queue");
    const schema = typeof queue === "string" ? undefined : queue.schema;
    this.#execution.warnOfLostMessage("queue", name);
    const operation = this.#open("queue", name, (value) =>
      validateSync(schema, this.#execution.decode(value), `a message of queue "${name}"`),
    );
    this.#execution.emit({ kind: "QueueSubscribed", name }, operation);
    this.#execution.mailbox.addDequeue(operation);
    if (operation.settlement !== undefined) this.#execution.lostMessages.noteServed(operation);
    return operation;
  }

  scheduleSubOrchestration(
    orchestration: OrchestrationDefinition | string,
    input?: unknown,
    options: SubOrchestrationOptions = {},
  ): DurableFuture<unknown> {
    assertKnownOptions(options, SUB_ORCHESTRATION_OPTIONS, "ctx.scheduleSubOrchestration");
    if (this.#execution.isAsleep(this.#scope)) return new SleepingFuture("subOrchestration");
    const name = this.#enter(orchestration, "orchestration");
    const { instanceId } = options;
    if (instanceId !== undefined) assertChildId(instanceId);
    assertVersion(START_DOOR, options.version);
    const encoded = this.#encodeStart(orchestration, name, input);
    const operation = this.#open("subOrchestration", name, (value) =>
      this.#execution.decode(value),
    );
    this.#execution.emit(
      {
        kind: "SubOrchestrationScheduled",
        name,
        input: encoded,
        // A generated id contains the event id, which is known when the turn is numbered.
        instanceId: instanceId ?? "",
        isExplicitId: instanceId !== undefined,
        version: options.version,
      },
      operation,
      typeof orchestration === "string" ? undefined : orchestration.inputs,
    );
    return operation;
  }

  scheduleOrchestration(
    orchestration: OrchestrationDefinition | string,
    instanceId: string,
    input?: unknown,
    options: VersionOption = {},
  ): void {
    assertKnownOptions(options, VERSION_OPTIONS, "ctx.scheduleOrchestration");
    const name = this.#enter(orchestration, "orchestration");
    assertInstanceId(instanceId);
    assertVersion(START_DOOR, options.version);
    const encoded = this.#encodeStart(orchestration, name, input);
    this.#execution.emit(
      { kind: "OrchestrationChained", name, instanceId, input: encoded, version: options.version },
      undefined,
      typeof orchestration === "string" ? undefined : orchestration.inputs,
    );
  }

  select(
    branches: readonly Branch[] | Readonly<Record<string, Branch>>,
    options: SelectOptions = {},
  ): DurableFuture<unknown> {
    assertListOrRecord(branches, options);
    assertKnownOptions(options, SELECT_OPTIONS, "ctx.select");
    if (this.#execution.isAsleep(this.#scope)) return new SleepingFuture("select");
    this.#execution.assertUsable(this.#scope);
    const isList = Array.isArray(branches);
    const keys = isList ? [] : Object.keys(branches);
    const list = (isList ? branches : Object.values(branches)) as readonly Branch[];
    const keepsLosers = SELECT_DOOR.flag("keep", options.keep ?? false);
    assertRace(list, keepsLosers);
    assertNotLost(list, "select from");
    const placeOf = (index: number) => (isList ? { index } : { key: keys[index] ?? "" });
    const present = (index: number, value: unknown) => ({ ...placeOf(index), value });
    return new SelectFuture({ branches: list, keepsLosers, placeOf, present }, this.#host);
  }

  select2(a: Branch, b: Branch, options?: SelectOptions): DurableFuture<unknown> {
    return this.select([a, b], options);
  }

  join(branches: readonly Branch[]): DurableFuture<unknown> {
    if (this.#execution.isAsleep(this.#scope)) return new SleepingFuture("join");
    this.#execution.assertUsable(this.#scope);
    assertList(branches, "join");
    return new JoinFuture(branches, this.#host);
  }

  all(branches: readonly Branch[]): DurableFuture<unknown> {
    if (this.#execution.isAsleep(this.#scope)) return new SleepingFuture("all");
    this.#execution.assertUsable(this.#scope);
    assertList(branches, "all");
    assertNotLost(branches, "wait for");
    return new AllFuture(branches, this.#host);
  }

  continueAsNew(input?: unknown, options: VersionOption = {}): Promise<never> {
    assertKnownOptions(options, VERSION_OPTIONS, "ctx.continueAsNew");
    const never = new Promise<never>(() => undefined);
    if (this.#execution.isAsleep(this.#scope)) return never;
    this.#execution.assertUsable(this.#scope);
    assertVersion(CONTINUE_DOOR, options.version);
    const encoded = this.#execution.encode(input, "the input of continueAsNew()");
    this.#execution.warnOfLostMessages();
    this.#execution.continueAsNew(encoded, options.version);
    return never;
  }

  newGuid(): string {
    this.#execution.assertUsable(this.#scope);
    return this.#execution.random.nextUuid();
  }
  utcNowMs(): number {
    this.#execution.assertUsable(this.#scope);
    return this.#execution.nowMs;
  }
  utcNow(): Date {
    return new Date(this.utcNowMs());
  }
  random(): number {
    this.#execution.assertUsable(this.#scope);
    return this.#execution.random.nextDouble();
  }

  setCustomStatus(value: unknown): void {
    this.#execution.assertUsable(this.#scope);
    this.#execution.setCustomStatus(
      this.#execution.encode(value, "the custom status", CUSTOM_STATUS_BYTES_MAX),
    );
  }
  resetCustomStatus(): void {
    this.#execution.assertUsable(this.#scope);
    this.#execution.setCustomStatus(undefined);
  }
  getCustomStatus(): unknown {
    this.#execution.assertUsable(this.#scope);
    return this.#execution.decode(this.#execution.customStatus);
  }

  get kv(): KeyValueStore {
    return (this.#kv ??= new LiveKeyValueStore(this.#execution, this.#scope));
  }

  traceDebug(message: string, fields?: TraceFields): void {
    this.#execution.trace("debug", message, fields);
  }
  traceInfo(message: string, fields?: TraceFields): void {
    this.#execution.trace("info", message, fields);
  }
  traceWarn(message: string, fields?: TraceFields): void {
    this.#execution.trace("warn", message, fields);
  }
  traceError(message: string, fields?: TraceFields): void {
    this.#execution.trace("error", message, fields);
  }

  /** Checks that the call is allowed, and gives the name of what it is about. */
  #enter(named: Named, kind: DefinitionKind): string {
    this.#execution.assertUsable(this.#scope);
    return nameOf(named, kind);
  }

  #encodeStart(
    orchestration: OrchestrationDefinition | string,
    name: string,
    input: unknown,
  ): EncodedValue {
    const subject = `the input of orchestration "${name}"`;
    if (typeof orchestration !== "string") validateSync(orchestration.input, input, subject);
    return this.#execution.encode(input, subject);
  }

  #open(
    kind: Operation["kind"],
    name: string,
    decode: (value: EncodedValue) => unknown,
  ): Operation {
    return new Operation({ kind, name }, this.#scope, this.#execution, decode);
  }

  readonly #host: CombinationHost = {
    openScope: () => {
      const scope = new Scope(this.#scope);
      return {
        context: LiveContext.create(this.#execution, scope),
        close: (reason) => {
          this.#execution.noteClosed(scope);
          return scope.close(reason);
        },
      };
    },
    noteDropped: (source) => {
      this.#execution.noteDropped(source);
    },
    defer: (action) => {
      this.#execution.deferred.push(action);
    },
  };
}

const mark: NotAValue = { what: "a context", instead: "pass its facts, such as ctx.instanceId" };
Object.defineProperty(LiveContext.prototype, NOT_A_VALUE, { value: mark });

const UNTIL = { until: true } as const;

function untilMs(delay: { readonly until: Date } | null): number {
  assertKnownOptions(delay ?? {}, UNTIL, "ctx.scheduleTimer");
  const untilMs = delay?.until instanceof Date ? delay.until.getTime() : Number.NaN;
  if (Number.isNaN(untilMs)) {
    throw new UsageError(
      "invalid_duration",
      "Cannot schedule a timer: `until` is not a valid date; pass a Date or a delay",
    );
  }
  return untilMs;
}

/** What takes no options today is asked for some by users of other systems. */
function assertNoOptions(options: unknown, call: string): void {
  if (options !== undefined) assertKnownOptions(options, {}, call);
}

function assertChildId(instanceId: string): void {
  assertInstanceId(instanceId);
  if (!instanceId.startsWith("sub::")) return;
  throw new UsageError(
    "invalid_argument",
    `Cannot use ${JSON.stringify(instanceId.slice(0, 60))} as a child's id: ids that start with "sub::" are reserved; choose another`,
  );
}
