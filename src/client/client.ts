/**
 * The interface of users: starts instances, sends to them, waits for them, reads them.
 *
 * Boundary: needs a store, not a runtime. Where a runtime of the same process shares the store, both
 * use one hub.
 */

import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { parseDurationMs, type DurationInput } from "../foundation/duration.ts";
import { UsageError } from "../foundation/errors.ts";
import { jsonCodec, type Codec } from "../foundation/json.ts";
import { assertInstanceId, PAYLOAD_BYTES_MAX } from "../foundation/limits.ts";
import { guardMethods } from "../foundation/own-object.ts";
import type { HistoryEvent } from "../history/event.ts";
import type { CallArguments } from "../orchestration/context.ts";
import type {
  EventDefinition,
  OrchestrationDefinition,
  QueueDefinition,
} from "../orchestration/define.ts";
import { StoreHub } from "../provider/hub.ts";
import type { Provider } from "../provider/provider.ts";
import { assertWholeNumber, nameOf } from "./arguments.ts";
import { withCaller } from "./caller.ts";
import type { Connection } from "./connection.ts";
import { OrchestrationHandle } from "./handle.ts";
import { readKeyValue, readKeyValues } from "./key-values.ts";
import {
  listExecutions,
  listInstances,
  readExecution,
  readExecutionHistory,
  readRow,
  readTree,
  type ExecutionInfo,
  type InstanceList,
  type InstanceTree,
  type ListOptions,
} from "./management.ts";
import {
  sendCancel,
  sendData,
  type DataArguments,
  type DeliveryOutcome,
  type SendOptions,
} from "./messages.ts";
import { Run } from "./run.ts";
import { startInstance, type StartOptions } from "./start.ts";
import {
  readStatus,
  toStatus,
  type FinishedStatus,
  type KnownStatus,
  type OrchestrationStatus,
} from "./status.ts";
import { terminateInstance, type TerminationOutcome } from "./termination.ts";
import { waitForEnd, waitForKey, waitForStatusChange, type WaitOptions } from "./wait.ts";

export interface ClientOptions {
  /** Must be the one that runtimes use. @default JSON */
  readonly codec?: Codec | undefined;
  /** Largest value in UTF-8 bytes. @default 16 MiB */
  readonly payloadBytesMax?: number | undefined;
  /** How long a busy store is tried again before a call throws. @default "30s" */
  readonly retryFor?: DurationInput | undefined;
}

const CLIENT_OPTIONS: OptionNames<ClientOptions> = {
  codec: true,
  payloadBytesMax: true,
  retryFor: true,
};

/**
 * Talks to instances in a store.
 *
 * Every promise rejects with `ProviderError` when the store cannot serve the call, with code `closed`
 * after the store was closed; what a call was to write is then not written.
 */
export class Client {
  readonly #connection: Connection;

  static {
    guardMethods(this, "client", (it) => #connection in it, withCaller);
  }

  /** @throws UsageError `invalid_argument` when `store` is no provider, or an option is unusable */
  constructor(store: Provider, options: ClientOptions = {}) {
    assertProvider(store);
    assertKnownOptions(options, CLIENT_OPTIONS, "Client");
    const { codec = jsonCodec, payloadBytesMax = PAYLOAD_BYTES_MAX, retryFor = "30s" } = options;
    assertCodec(codec);
    assertWholeNumber(payloadBytesMax, 1, "`payloadBytesMax`");
    const retryMs = parseDurationMs(retryFor, "`retryFor`");
    this.#connection = { hub: StoreHub.of(store), codec, payloadBytesMax, retryMs };
  }

  /**
   * Starts an instance. Resolves when the start is durable; in a transaction of yours, when it is
   * written there.
   *
   * @param instanceId - Unique in the store; 1 to 1,024 UTF-8 bytes without NUL
   * @param orchestration - A definition, or a name that some runtime knows
   * @throws InstanceAlreadyExistsError when the id is in use, unless `idReuse` says otherwise
   * @throws ValidationError when the input does not satisfy the orchestration's schema
   * @throws UsageError `invalid_argument`, `invalid_duration`, `not_serializable`, `payload_too_large`
   */
  startOrchestration<In, Out>(
    instanceId: string,
    orchestration: OrchestrationDefinition<In, Out>,
    ...args: CallArguments<In, StartOptions>
  ): Promise<OrchestrationHandle<Out>>;
  startOrchestration<Out = unknown>(
    instanceId: string,
    name: string,
    input?: unknown,
    options?: StartOptions,
  ): Promise<OrchestrationHandle<Out>>;
  async startOrchestration(
    instanceId: string,
    orchestration: OrchestrationDefinition | string,
    input?: unknown,
    options: StartOptions = {},
  ): Promise<OrchestrationHandle> {
    const target = { instanceId, orchestration, input };
    const { isNew, run } = await startInstance(this.#connection, target, options);
    return new OrchestrationHandle(this.#connection, run, isNew);
  }

  /**
   * A handle on an instance, whether it exists or not; the definition gives the result its type.
   *
   * A handle is of one run: that which the id has at the first call that finds one.
   *
   * @param orchestration - Its calls throw `invalid_argument` when the instance runs another one
   * @throws UsageError `invalid_argument` when no instance can have this id
   */
  getHandle<Out = unknown>(
    instanceId: string,
    orchestration?: OrchestrationDefinition<unknown, Out>,
  ): OrchestrationHandle<Out> {
    assertInstanceId(instanceId);
    const name = orchestration && nameOf(orchestration, "orchestration");
    const run = new Run(instanceId, { orchestration: name });
    return new OrchestrationHandle<Out>(this.#connection, run, false);
  }

  /** Where an instance stands now; `NotFound` when the id is unknown. */
  async getOrchestrationStatus(instanceId: string): Promise<OrchestrationStatus> {
    return readStatus(this.#connection, new Run(instanceId));
  }

  /**
   * Waits for the end of an instance.
   *
   * @throws InstanceNotFoundError when there is no such instance, nor comes one within `createdWithin`
   * @throws TimeoutError, AbortedError as `options` say; the instance goes on
   */
  async waitForOrchestration(
    instanceId: string,
    options: WaitOptions = {},
  ): Promise<FinishedStatus> {
    return waitForEnd(this.#connection, new Run(instanceId), options);
  }

  /**
   * Waits until the custom status is newer than `sinceVersion`, or the instance has ended.
   *
   * An instance that has ended never changes again, so it answers at once, every time. A loop that
   * follows the custom status has to end there:
   *
   * ```ts
   * let seen = 0;
   * for (;;) {
   *   const status = await client.waitForStatusChange("order-1", seen);
   *   show(status.customStatus);
   *   if (status.status !== "Pending" && status.status !== "Running") break;
   *   seen = status.customStatusVersion;
   * }
   * ```
   *
   * @param sinceVersion - `customStatusVersion` of the status seen last; 0 for none
   * @throws InstanceNotFoundError when there is no such instance, nor comes one within `createdWithin`
   * @throws TimeoutError, AbortedError as `options` say; the instance goes on
   */
  async waitForStatusChange(
    instanceId: string,
    sinceVersion: number,
    options: WaitOptions = {},
  ): Promise<KnownStatus> {
    const run = new Run(instanceId);
    return waitForStatusChange(this.#connection, run, sinceVersion, options);
  }

  /**
   * Asks an instance to cancel itself and its children. Resolves when the request is durable; in a
   * transaction of yours, when it is written there.
   *
   * One that has not begun (a delayed start, too), or that is parked, has ended when the call
   * resolves. In a transaction it ends soon after the commit instead.
   *
   * @returns `dropped` when there is nothing to cancel
   */
  async cancelInstance(
    instanceId: string,
    reason = "",
    options: SendOptions = {},
  ): Promise<DeliveryOutcome> {
    return sendCancel(this.#connection, { instanceId, runId: undefined, reason }, options);
  }

  /**
   * Ends an instance and its children at once, without running their code: also one that is parked,
   * delayed, waits for code that no runtime has, or is held by another process. Needs no live runtime.
   * Its status is `Canceled`, with `isTerminated`. Resolves when the end is durable. The `signal` of its
   * activities is aborted, on other nodes within about a second; a later return value is dropped.
   *
   * @param reason - Shown to clients; at most `payloadBytesMax` bytes. @default ""
   * @returns `alreadyFinished` when its end came first
   * @throws UsageError `invalid_argument`, `payload_too_large`
   */
  async terminateInstance(instanceId: string, reason = ""): Promise<TerminationOutcome> {
    return terminateInstance(this.#connection, { instanceId, runId: undefined, reason });
  }

  /**
   * Raises an event. Resolves when it is durable; in a transaction of yours, when it is written there.
   * An instance that does not wait for it ignores it.
   *
   * @returns `dropped` when the instance is unknown or has ended
   * @throws ValidationError when the data does not satisfy the event's schema
   * @throws UsageError `invalid_argument`, `not_serializable`, `payload_too_large`
   */
  raiseEvent<T>(
    instanceId: string,
    event: EventDefinition<T>,
    ...args: DataArguments<T>
  ): Promise<DeliveryOutcome>;
  raiseEvent(
    instanceId: string,
    name: string,
    data?: unknown,
    options?: SendOptions,
  ): Promise<DeliveryOutcome>;
  async raiseEvent(
    instanceId: string,
    to: EventDefinition | string,
    data?: unknown,
    options?: SendOptions,
  ): Promise<DeliveryOutcome> {
    return sendData(
      this.#connection,
      "eventRaised",
      { instanceId, runId: undefined, to, data },
      options,
    );
  }

  /**
   * Puts a message into a queue of an instance, which keeps it until it is read. Resolves when it is
   * durable; in a transaction of yours, when it is written there.
   *
   * @returns `dropped` when the instance is unknown or has ended
   * @throws ValidationError when the data does not satisfy the queue's schema
   * @throws UsageError `invalid_argument`, `not_serializable`, `payload_too_large`
   */
  enqueueEvent<T>(
    instanceId: string,
    queue: QueueDefinition<T>,
    ...args: DataArguments<T>
  ): Promise<DeliveryOutcome>;
  enqueueEvent(
    instanceId: string,
    name: string,
    data?: unknown,
    options?: SendOptions,
  ): Promise<DeliveryOutcome>;
  async enqueueEvent(
    instanceId: string,
    to: QueueDefinition | string,
    data?: unknown,
    options?: SendOptions,
  ): Promise<DeliveryOutcome> {
    return sendData(
      this.#connection,
      "queueMessage",
      { instanceId, runId: undefined, to, data },
      options,
    );
  }

  /** A stored key-value of an instance; undefined when the key or the instance is unknown. */
  async getKvValue<T = unknown>(instanceId: string, key: string): Promise<T | undefined> {
    return (await readKeyValue(this.#connection, instanceId, key)) as T | undefined;
  }

  /** All stored key-values of an instance; empty when it is unknown. */
  async getKvValues<T = unknown>(instanceId: string): Promise<Map<string, T>> {
    return (await readKeyValues(this.#connection, instanceId)) as Map<string, T>;
  }

  /**
   * Waits until a key is there.
   *
   * @throws InstanceNotFoundError when there is no such instance, nor comes one within `createdWithin`
   * @throws InstanceEndedError when the instance has ended and never set the key
   * @throws TimeoutError, AbortedError as `options` say
   */
  async waitForKvValue<T = unknown>(
    instanceId: string,
    key: string,
    options: WaitOptions = {},
  ): Promise<T> {
    return (await waitForKey(this.#connection, { instanceId, key }, options)) as T;
  }

  /** A page of instances, newest first. */
  async listInstances(options: ListOptions = {}): Promise<InstanceList> {
    return listInstances(this.#connection, options);
  }

  /** @throws InstanceNotFoundError */
  async getInstanceInfo(instanceId: string): Promise<KnownStatus> {
    return toStatus(await readRow(this.#connection, instanceId), this.#connection.codec);
  }

  /** Oldest first; empty when the instance is unknown. */
  async listExecutions(instanceId: string): Promise<ExecutionInfo[]> {
    return listExecutions(this.#connection, instanceId);
  }

  /** @throws InstanceNotFoundError */
  async getExecutionInfo(instanceId: string, executionId: number): Promise<ExecutionInfo> {
    return readExecution(this.#connection, instanceId, executionId);
  }

  /**
   * The recorded events of an execution, values decoded.
   *
   * @param executionId - @default the current one
   * @throws InstanceNotFoundError
   */
  async readExecutionHistory(instanceId: string, executionId?: number): Promise<HistoryEvent[]> {
    return readExecutionHistory(this.#connection, instanceId, executionId);
  }

  /**
   * An instance with all its descendants; detached ones are not among them.
   *
   * @throws InstanceNotFoundError
   */
  async getInstanceTree(instanceId: string): Promise<InstanceTree> {
    return readTree(this.#connection, await readRow(this.#connection, instanceId));
  }
}

function assertProvider(store: unknown): void {
  const provider = store as Partial<Provider> | null | undefined;
  if (typeof provider?.write === "function" && typeof provider.readInstances === "function") return;
  throw new UsageError(
    "invalid_argument",
    `Cannot create a client: the store is a value of type ${typeof store}; pass a provider such as \`await SqliteProvider.open(file)\``,
  );
}

function assertCodec(codec: unknown): void {
  const { encode, decode } = (codec ?? {}) as Partial<Codec>;
  if (typeof encode === "function" && typeof decode === "function") return;
  throw new UsageError(
    "invalid_argument",
    "Cannot create a client: `codec` does not encode and decode; pass an object with both methods",
  );
}
