/**
 * Decides what becomes of a claimed instance: it is taken in, parked because its code or its data is
 * not to be had, or ended because nothing else is left.
 *
 * I1. Whatever happens, the instance is not kept by a node that does not run it.
 * I2. Nothing that cannot be read is dropped, except with the end of its instance (weakness R22).
 */

import { tryDecodeMessage } from "../history/message.ts";
import type { StoreHub } from "../provider/hub.ts";
import type { ClaimedInstance } from "../provider/provider.ts";
import { fromQueue, fromTimer, type InboxItem } from "./inbox.ts";
import { takeIn } from "./intake.ts";
import type { RuntimeSettings } from "./options.ts";
import { toReason, type Cause } from "./parking.ts";
import { instancePoison } from "./poison.ts";
import type { Resident } from "./resident.ts";
import { findCancel, type Fate, type TurnRunner } from "./turn-runner.ts";

export interface ReceptionParts {
  readonly settings: RuntimeSettings;
  readonly hub: StoreHub;
  readonly runner: TurnRunner;
}

export class Reception {
  readonly #parts: ReceptionParts;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
  }

  /** Never rejects: those that were claimed beside it have to be received, too. */
  async receive(claimed: ClaimedInstance): Promise<Resident | Fate> {
    try {
      return await this.#receive(claimed);
    } catch (error) {
      const { resident } = takeIn(claimed, this.#parts.settings);
      return this.#park(resident, storeFailed(claimed, error)); // (I1)
    }
  }

  async #receive(claimed: ClaimedInstance): Promise<Resident | Fate> {
    const { settings, runner } = this.#parts;
    const { crashesMax } = settings;
    const { resident, cause } = takeIn(await this.#complete(claimed), settings);
    if (claimed.crashes >= crashesMax) {
      return runner.abort(resident, readableItems(claimed), instancePoison(claimed, crashesMax));
    }
    const hasBegun = claimed.row.status !== "Pending";
    // What is parked may end without its code, which would only park it again.
    const mayEnd = !hasBegun || claimed.row.blocked !== undefined;
    if (cause === undefined && !mayEnd) return resident;
    const items = readableItems(claimed);
    const canceled = findCancel(items);
    if (canceled !== undefined) return runner.abort(resident, items, canceled);
    if (cause === undefined) return resident;
    return this.#park(resident, cause);
  }

  /** What was remembered when the store was asked may have been evicted since. */
  async #complete(claimed: ClaimedInstance): Promise<ClaimedInstance> {
    if (claimed.history !== undefined) return claimed;
    const { executionId, instanceId } = claimed.row;
    const history = await this.#parts.hub.provider.readHistory(instanceId, executionId);
    return { ...claimed, history: history ?? [] };
  }

  #park(resident: Resident, cause: Cause): Promise<Fate> {
    const { hub, runner } = this.#parts;
    const blocked = toReason(cause, hub.provider.nowMs());
    hub.announceBlocked(resident.instanceId, blocked);
    return runner.handBack(resident, [], blocked);
  }
}

function storeFailed(claimed: ClaimedInstance, error: unknown): Cause {
  return {
    code: "store_failed",
    message: `Cannot take instance "${claimed.instanceId}" in: ${String(error)}; trying again`,
  };
}

function readableItems(claimed: ClaimedInstance): InboxItem[] {
  const messages = claimed.messages.flatMap((queued) => {
    const message = tryDecodeMessage(queued.body);
    return message === undefined ? [] : [fromQueue(queued, message)]; // (I2) An end removes the whole queue.
  });
  return [...messages, ...claimed.dueTimers.map(fromTimer)];
}
