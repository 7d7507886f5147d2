/** What the operations of one `write` share, and what one operation has put out so far. */

import type { DeliveredMessage, NodeId, OutgoingMessage } from "../../provider/provider.ts";
import { isFinished, type Receiver } from "./instances.ts";
import type { Tables } from "./tables.ts";
import { toAlwaysVisible } from "./visibility.ts";

/** One transaction of operations. */
export class Batch {
  readonly tables: Tables;
  readonly nowMs: number;
  readonly #liveNodes = new Map<NodeId, boolean>();

  constructor(tables: Tables, nowMs: number) {
    this.tables = tables;
    this.nowMs = nowMs;
  }

  /** Whether a node is registered; asked once, since a transaction sees no other answer later. */
  isLive(node: NodeId): boolean {
    let isLive = this.#liveNodes.get(node);
    if (isLive === undefined) {
      isLive = this.tables.nodes.has(node);
      this.#liveNodes.set(node, isLive);
    }
    return isLive;
  }
}

/** Why a message was not queued. */
export type Undelivered = "unknownInstance" | "finishedInstance";

/** What one operation puts out. */
export class Outbox {
  readonly delivered: DeliveredMessage[] = [];
  readonly refusedStarts: string[] = [];
  droppedMessageCount = 0;

  /** Queues a message for a receiver that may not be there. */
  send(
    batch: Batch,
    receiver: Receiver | undefined,
    message: Pick<OutgoingMessage, "body" | "isUrgent">,
  ): Undelivered | undefined {
    const undelivered = this.#queue(batch, receiver, message);
    if (undelivered !== undefined) this.droppedMessageCount += 1;
    return undelivered;
  }

  #queue(
    batch: Batch,
    receiver: Receiver | undefined,
    { body, isUrgent }: Pick<OutgoingMessage, "body" | "isUrgent">,
  ): Undelivered | undefined {
    if (receiver === undefined) return "unknownInstance";
    if (isFinished(receiver.status)) return "finishedInstance";
    // A parked instance keeps its messages hidden, or every claim would have to step over them.
    const isParked = receiver.retry_ms > batch.nowMs;
    const isHidden = isParked && isUrgent !== true;
    const { instances, messages } = batch.tables;
    if (isParked && !isHidden) {
      instances.wake(receiver.seq);
      messages.delay(receiver.seq, toAlwaysVisible(batch.nowMs));
    }
    const visibleMs = isHidden ? receiver.retry_ms : toAlwaysVisible(batch.nowMs);
    const message = messages.insert(receiver.seq, visibleMs, body);
    if (!isHidden) {
      this.delivered.push({ instanceId: receiver.id, key: receiver.seq, message });
    }
    return undefined;
  }
}
