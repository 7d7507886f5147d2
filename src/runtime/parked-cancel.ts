/**
 * A cancellation that was accepted while the turn was under way that parks its instance: it lies in the
 * queue of an instance that waits for its next try, and would wait as long.
 */

import { tryDecodeMessage } from "../history/message.ts";
import type { StoreHub } from "../provider/hub.ts";

/** Sends it again, as to an instance that is parked already: the next claim then ends the instance. */
export async function wakeForCancel(
  hub: StoreHub,
  { instanceId, runId }: { readonly instanceId: string; readonly runId: string | undefined },
): Promise<void> {
  try {
    const queued = await hub.provider.readMessages(instanceId);
    const cancel = queued.find(({ body }) => tryDecodeMessage(body)?.kind === "cancel");
    if (cancel === undefined) return;
    const message = { instanceId, runId, body: cancel.body, isUrgent: true };
    await hub.write({ kind: "sendMessage", message });
  } catch {
    // The store does not answer: the next try finds it.
  }
}
