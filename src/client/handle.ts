/** A handle on one run of an instance, with the type of its result. */

import { guardMethods } from "../foundation/own-object.ts";
import type { EventDefinition, QueueDefinition } from "../orchestration/define.ts";
import { withCaller } from "./caller.ts";
import type { Connection } from "./connection.ts";
import { OrchestrationCanceledError, OrchestrationFailedError } from "./errors.ts";
import {
  sendCancel,
  sendData,
  type DataArguments,
  type DeliveryOutcome,
  type SendOptions,
  type SendTarget,
} from "./messages.ts";
import type { Run } from "./run.ts";
import { readStatus, type FinishedStatus, type OrchestrationStatus } from "./status.ts";
import { terminateInstance, type TerminationOutcome } from "./termination.ts";
import { waitForEnd, type WaitOptions } from "./wait.ts";

/** What it does never reaches another run of the same id. */
export class OrchestrationHandle<Out = unknown> {
  readonly instanceId: string;
  /** True when the call that gave this handle started the instance. */
  readonly isNew: boolean;
  readonly #connection: Connection;
  readonly #run: Run;
  /** Kept: the id may be used again, and the run with its output be gone. */
  #end: FinishedStatus | undefined;

  static {
    guardMethods(this, "handle", (it) => #connection in it, withCaller);
  }

  /** @internal */
  constructor(connection: Connection, run: Run, isNew: boolean) {
    this.#connection = connection;
    this.#run = run;
    this.instanceId = run.instanceId;
    this.isNew = isNew;
  }

  /**
   * Waits for the end. Without a `timeout` it waits for ever and keeps the process alive.
   *
   * @returns The output
   * @throws OrchestrationFailedError, OrchestrationCanceledError as the instance ended
   * @throws InstanceNotFoundError when there is no such instance, nor comes one within `createdWithin`
   * @throws InstanceReplacedError when the id was used again before this handle has seen the end
   * @throws TimeoutError, AbortedError as `options` say; the instance goes on
   */
  async result(options: WaitOptions = {}): Promise<Out> {
    const status = this.#end ?? (await waitForEnd(this.#connection, this.#run, options));
    this.#end = status;
    switch (status.status) {
      case "Completed":
        return status.output as Out;
      case "Failed":
        throw new OrchestrationFailedError(this.instanceId, status.error);
      case "Canceled":
        throw new OrchestrationCanceledError(this.instanceId, status.reason, status.isTerminated);
    }
  }

  /** See `Client.getOrchestrationStatus`; `NotFound` with `isReplaced` when another run has the id. */
  async status(): Promise<OrchestrationStatus> {
    return this.#end ?? readStatus(this.#connection, this.#run);
  }

  /** See `Client.cancelInstance`. */
  async cancel(reason = "", options: SendOptions = {}): Promise<DeliveryOutcome> {
    const target = await this.#target(options);
    return sendCancel(this.#connection, { ...target, reason }, options);
  }

  /** See `Client.terminateInstance`. */
  async terminate(reason = ""): Promise<TerminationOutcome> {
    return terminateInstance(this.#connection, { ...(await this.#target({})), reason });
  }

  /** See `Client.raiseEvent`. */
  raiseEvent<T>(event: EventDefinition<T>, ...args: DataArguments<T>): Promise<DeliveryOutcome>;
  raiseEvent(name: string, data?: unknown, options?: SendOptions): Promise<DeliveryOutcome>;
  async raiseEvent(
    to: EventDefinition | string,
    data?: unknown,
    options?: SendOptions,
  ): Promise<DeliveryOutcome> {
    const target = { ...(await this.#target(options)), to, data };
    return sendData(this.#connection, "eventRaised", target, options);
  }

  /** See `Client.enqueueEvent`. */
  enqueueEvent<T>(queue: QueueDefinition<T>, ...args: DataArguments<T>): Promise<DeliveryOutcome>;
  enqueueEvent(name: string, data?: unknown, options?: SendOptions): Promise<DeliveryOutcome>;
  async enqueueEvent(
    to: QueueDefinition | string,
    data?: unknown,
    options?: SendOptions,
  ): Promise<DeliveryOutcome> {
    const target = { ...(await this.#target(options)), to, data };
    return sendData(this.#connection, "queueMessage", target, options);
  }

  /** No read outside of the user's transaction: a store in memory would wait for itself. */
  async #target({ transaction }: SendOptions = {}): Promise<
    Pick<SendTarget, "instanceId" | "runId">
  > {
    const { instanceId, runId } = this.#run;
    return transaction === undefined ? this.#run.bind(this.#connection) : { instanceId, runId };
  }
}
