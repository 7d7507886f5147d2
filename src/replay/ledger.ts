/**
 * What became of each event id: one byte per event, so that a resident instance can recognise
 * duplicates and nonsense without keeping its history.
 */

import type { ActionEvent } from "./action.ts";
import type { OperationKind } from "./operation.ts";

const KINDS: readonly (OperationKind | undefined)[] = [
  undefined,
  "activity",
  "timer",
  "event",
  "queue",
  "subOrchestration",
];
const KIND_MASK = 0x0f;
const COMPLETED = 0x10;

const OPERATION_OF: Partial<Record<ActionEvent["kind"], OperationKind>> = {
  ActivityScheduled: "activity",
  TimerCreated: "timer",
  ExternalSubscribed: "event",
  QueueSubscribed: "queue",
  SubOrchestrationScheduled: "subOrchestration",
};

export class Ledger {
  #bytes = new Uint8Array(64);

  /** Records a schedule. */
  open(eventId: number, kind: ActionEvent["kind"]): void {
    if (eventId >= this.#bytes.length) {
      const grown = new Uint8Array(Math.max(eventId + 1, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[eventId] = KINDS.indexOf(OPERATION_OF[kind]);
  }

  /** The kind of operation that this event scheduled, if any. */
  kindOf(eventId: number): OperationKind | undefined {
    return KINDS[(this.#bytes[eventId] ?? 0) & KIND_MASK];
  }

  /** Whether the operation has had its completion. */
  isCompleted(eventId: number): boolean {
    return ((this.#bytes[eventId] ?? 0) & COMPLETED) !== 0;
  }

  complete(eventId: number): void {
    this.#bytes[eventId] = (this.#bytes[eventId] ?? 0) | COMPLETED;
  }
}
