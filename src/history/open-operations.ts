/** Which operations of an execution are open, read off its history alone. */

import type { HistoryEvent } from "./event.ts";

export type OpenOperation = Extract<
  HistoryEvent,
  {
    kind:
      | "ActivityScheduled"
      | "SubOrchestrationScheduled"
      | "TimerCreated"
      | "ExternalSubscribed"
      | "QueueSubscribed";
  }
>;

/** The open operations in the order of their schedule. */
export function findOpenOperations(events: Iterable<HistoryEvent>): OpenOperation[] {
  const open = new Map<number, OpenOperation>();
  /** Messages of queues that came before their dequeue, by name. */
  const buffered = new Map<string, number>();
  const serve = (kind: OpenOperation["kind"], name: string): boolean => {
    for (const [id, operation] of open) {
      if (operation.kind === kind && "name" in operation && operation.name === name)
        return open.delete(id);
    }
    return false;
  };
  for (const event of events) {
    switch (event.kind) {
      case "QueueSubscribed": {
        const count = buffered.get(event.name) ?? 0;
        if (count > 0) buffered.set(event.name, count - 1);
        else open.set(event.eventId, event);
        break;
      }
      case "ActivityScheduled":
      case "SubOrchestrationScheduled":
      case "TimerCreated":
      case "ExternalSubscribed":
        open.set(event.eventId, event);
        break;
      case "ExternalEvent":
        serve("ExternalSubscribed", event.name); // One that nothing waits for is gone.
        break;
      case "QueueMessage":
        if (!serve("QueueSubscribed", event.name))
          buffered.set(event.name, (buffered.get(event.name) ?? 0) + 1);
        break;
      default:
        if ("sourceEventId" in event) open.delete(event.sourceEventId);
    }
  }
  return [...open.values()];
}
