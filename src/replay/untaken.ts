/**
 * Warnings about what an instance was sent and no code takes: an event without its wait, or a message
 * in a queue while the code waits for an event of that name.
 *
 * Boundary: warns and decides nothing. The sender does not know what the code waits for.
 */

import type { Execution } from "./execution.ts";

/** Most waits that a warning names. */
const WAITS_NAMED_MAX = 10;

/** An event is not kept: what was raised before its wait, or after it, is gone. */
export function warnOfEvent(execution: Execution, name: string): void {
  const { instanceId, operations, mailbox } = execution;
  const open = [...operations.values()].filter(({ kind, isOpen }) => kind === "event" && isOpen);
  const waits = open.slice(0, WAITS_NAMED_MAX).map((wait) => wait.name);
  const isQueue = mailbox.findDequeue(name) !== undefined || mailbox.hasUnread(name);
  const text = isQueue
    ? describeWrongKind(instanceId, name)
    : describeEvent(instanceId, name, waits);
  execution.warn(text, { event: name, waits });
}

/** A message is kept for its queue, and a wait for an event of the same name does not get it. */
export function warnOfMessage(execution: Execution, name: string): void {
  const { instanceId, mailbox } = execution;
  if (!mailbox.hasUnread(name) || mailbox.findWait(name) === undefined) return;
  const text =
    `Cannot deliver a message of queue "${name}" to "${instanceId}": it waits for an event of this name, and a queue is ` +
    "another thing; send it with raiseEvent(), or read it with ctx.dequeueEvent()";
  execution.warn(text, { queue: name });
}

function describeWrongKind(instanceId: string, name: string): string {
  return (
    `Cannot deliver event "${name}" to "${instanceId}": it reads a queue of this name, and an event is ` +
    "another thing; send it with enqueueEvent(), or wait for it with ctx.scheduleWait()"
  );
}

function describeEvent(instanceId: string, name: string, waits: readonly string[]): string {
  const named = waits.map((wait) => JSON.stringify(wait)).join(", ");
  return (
    `Cannot deliver event "${name}" to "${instanceId}": no wait for it is open` +
    ` (${named === "" ? "none is at all" : `open: ${named}`}); ` +
    "wait before it is raised, keep the wait of a lost ctx.select() with { keep: true }, or use a queue"
  );
}
