/** A handle on one instance, with the type of its result. */

import type { EventDefinition, QueueDefinition } from "../orchestration/define.ts";
import type { Connection } from "./connection.ts";
import { OrchestrationCanceledError, OrchestrationFailedError } from "./errors.ts";
import {
  sendCancel,
  sendData,
  type DataArguments,
  type DeliveryOutcome,
  type SendOptions,
} from "./messages.ts";
import { readStatus, type OrchestrationStatus } from "./status.ts";
import { terminateInstance, type TerminationOutcome } from "./termination.ts";
import { waitForEnd, type WaitOptions } from "./wait.ts";

export class OrchestrationHandle<Out = unknown> {
  readonly instanceId: string;
  /** True when the call that gave this handle started the instance. */
  readonly isNew: boolean;
  readonly #connection: Connection;

  /** @internal */
  constructor(connection: Connection, instanceId: string, isNew: boolean) {
    this.#connection = connection;
    this.instanceId = instanceId;
    this.isNew = isNew;
  }

  /**
   * Waits for the end, also of an instance that does not exist yet. Without a `timeout` it waits for
   * ever and keeps the process alive.
   *
   * @returns The output
   * @throws OrchestrationFailedError, OrchestrationCanceledError as the instance ended
   * @throws TimeoutError, AbortedError as `options` say; the instance goes on
   */
  async result(options: WaitOptions = {}): Promise<Out> {
    const status = await waitForEnd(this.#connection, this.instanceId, options);
    switch (status.status) {
      case "Completed":
        return status.output as Out;
      case "Failed":
        throw new OrchestrationFailedError(this.instanceId, status.error);
      case "Canceled":
        throw new OrchestrationCanceledError(this.instanceId, status.reason, status.isTerminated);
    }
  }

  /** See `Client.getOrchestrationStatus`. */
  async status(): Promise<OrchestrationStatus> {
    return readStatus(this.#connection, this.instanceId);
  }

  /** See `Client.cancelInstance`. */
  async cancel(reason = "", options: SendOptions = {}): Promise<DeliveryOutcome> {
    return sendCancel(this.#connection, this.instanceId, reason, options);
  }

  /** See `Client.terminateInstance`. */
  async terminate(reason = ""): Promise<TerminationOutcome> {
    return terminateInstance(this.#connection, {
      instanceId: this.instanceId,
      runId: undefined,
      reason,
    });
  }

  /** See `Client.raiseEvent`. */
  raiseEvent<T>(event: EventDefinition<T>, ...args: DataArguments<T>): Promise<DeliveryOutcome>;
  raiseEvent(name: string, data?: unknown, options?: SendOptions): Promise<DeliveryOutcome>;
  async raiseEvent(
    to: EventDefinition | string,
    data?: unknown,
    options?: SendOptions,
  ): Promise<DeliveryOutcome> {
    const { instanceId } = this;
    return sendData(this.#connection, "eventRaised", { instanceId, to, data }, options);
  }

  /** See `Client.enqueueEvent`. */
  enqueueEvent<T>(queue: QueueDefinition<T>, ...args: DataArguments<T>): Promise<DeliveryOutcome>;
  enqueueEvent(name: string, data?: unknown, options?: SendOptions): Promise<DeliveryOutcome>;
  async enqueueEvent(
    to: QueueDefinition | string,
    data?: unknown,
    options?: SendOptions,
  ): Promise<DeliveryOutcome> {
    const { instanceId } = this;
    return sendData(this.#connection, "queueMessage", { instanceId, to, data }, options);
  }
}
