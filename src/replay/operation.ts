/** One durable operation of an execution: an activity, a timer, a wait or a child. */

import type { EncodedValue } from "../history/event.ts";
import { CanceledError } from "../orchestration/errors.ts";
import type { DurableFutureKind } from "../orchestration/durable-future.ts";
import type { ActionEvent } from "./action.ts";
import { Future } from "./future.ts";
import type { Scope } from "./scope.ts";

export type OperationKind = Extract<
  DurableFutureKind,
  "activity" | "timer" | "event" | "queue" | "subOrchestration"
>;

/** Reason that breadcrumbs carry when a race was lost. */
export const DROPPED = "dropped_future";

/** What an operation needs of the execution it belongs to. */
export interface OperationOwner {
  /** Number of windows that the execution has had. */
  readonly windowCount: number;
  /**
   * Whether a cancellation now is part of the execution's story.
   *
   * @throws UsageError `outside_turn` when something else than the execution asks
   */
  allowsCancel(): boolean;
  /** @throws UsageError `payload_too_large` */
  assertReason(reason: string): void;
  /** Notes that the operation no longer counts. */
  onCancelled(operation: Operation): void;
}

export class Operation extends Future<unknown> {
  readonly kind: OperationKind;
  /** Name of the activity, event, queue or child; empty for a timer. */
  readonly name: string;
  readonly scope: Scope;
  readonly #owner: OperationOwner;
  /** Turns what history holds into what user code gets; may throw what user code catches. */
  readonly #decode: (value: EncodedValue) => unknown;
  #eventId: number | undefined;
  #cancelReason: string | undefined;
  #fireAtMs = 0;
  #childId: string | undefined;
  /** The window in which the code made it. */
  readonly window: number;

  constructor(
    identity: { readonly kind: OperationKind; readonly name: string },
    scope: Scope,
    owner: OperationOwner,
    decode: (value: EncodedValue) => unknown,
  ) {
    super();
    this.kind = identity.kind;
    this.name = identity.name;
    this.scope = scope;
    this.#owner = owner;
    this.#decode = decode;
    this.window = owner.windowCount;
    scope.add(this);
  }

  /** Event id of the schedule; undefined until the turn that made it is numbered. */
  override get id(): number | undefined {
    return this.#eventId;
  }

  override get label(): string {
    return this.name === "" ? `a ${this.kind}` : `${this.kind} "${this.name}"`;
  }

  get cancelReason(): string | undefined {
    return this.#cancelReason;
  }

  /** Neither settled nor cancelled. */
  get isOpen(): boolean {
    return this.settlement === undefined && this.#cancelReason === undefined;
  }

  /** When a timer fires, in milliseconds since the Unix epoch; 0 for everything else. */
  get fireAtMs(): number {
    return this.#fireAtMs;
  }

  /** The instance that a child runs as. */
  get childId(): string | undefined {
    return this.#childId;
  }

  bind(event: ActionEvent): void {
    this.#eventId = event.eventId;
    if (event.kind === "TimerCreated") this.#fireAtMs = event.fireAtMs;
    if (event.kind === "SubOrchestrationScheduled") this.#childId = event.instanceId;
  }

  /** Delivers a value from history. */
  resolve(value: EncodedValue): void {
    this.scope.remove(this);
    try {
      this.settle({ status: "fulfilled", value: this.#decode(value) });
    } catch (reason) {
      this.settle({ status: "rejected", reason });
    }
  }

  reject(reason: Error): void {
    this.scope.remove(this);
    this.settle({ status: "rejected", reason });
  }

  /** @throws UsageError `payload_too_large` */
  cancel(reason: string = DROPPED): void {
    this.#owner.assertReason(reason);
    const { lostTo } = this;
    const why =
      lostTo === undefined
        ? reason
        : `it lost ${lostTo}, which cancels its losers; pass { keep: true } to ctx.select() where a loser is used again, or schedule it anew`;
    this.#cancel(reason, () => new CanceledError(this.label, reason, { why }));
  }

  /** Cancels it with the branch that it belongs to: the branch gets a `CanceledError`. */
  close(reason: string): void {
    this.#cancel(reason, () => new CanceledError(this.label, reason, { code: "branch_lost" }));
  }

  #cancel(reason: string, toError: () => CanceledError): void {
    if (this.#drop(reason)) this.settle({ status: "rejected", reason: toError() });
  }

  #drop(reason: string): boolean {
    if (!this.isOpen || !this.#owner.allowsCancel()) return false;
    this.#cancelReason = reason;
    this.scope.remove(this);
    this.#owner.onCancelled(this);
    return true;
  }
}
