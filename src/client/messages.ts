/** Sending events, queue messages and cancellations. */

import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { assertInstanceId } from "../foundation/limits.ts";
import { validate } from "../foundation/standard-schema.ts";
import { encodeMessage, type InstanceMessage } from "../history/message.ts";
import type { EventDefinition, QueueDefinition } from "../orchestration/define.ts";
import { nameOf } from "./arguments.ts";
import { encodeValue, write, type Connection, type TransactionOption } from "./connection.ts";
import { assertReason, endUnlessRunning, type EndTarget } from "./termination.ts";

/** What became of a message; both are durable facts, not errors. */
export type DeliveryOutcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "dropped"; readonly reason: "unknownInstance" | "finishedInstance" };

/** Of events, messages and cancellations. */
export type SendOptions = TransactionOption;

const SEND_OPTIONS: OptionNames<SendOptions> = { transaction: true };

/** The data of an event or message: optional exactly where its definition accepts `undefined`. */
export type DataArguments<T> = undefined extends T
  ? [data?: NoInfer<T>, options?: SendOptions]
  : [data: NoInfer<T>, options?: SendOptions];

interface Letter {
  readonly instanceId: string;
  readonly runId: string | undefined;
  readonly message: InstanceMessage;
  readonly isUrgent?: boolean;
}

async function send(
  connection: Connection,
  { instanceId, runId, message, isUrgent }: Letter,
  options: SendOptions,
): Promise<DeliveryOutcome> {
  const outcome = await write(
    connection,
    { kind: "sendMessage", message: { instanceId, runId, body: encodeMessage(message), isUrgent } },
    options,
  );
  if (outcome.kind === "unknownInstance" || outcome.kind === "finishedInstance") {
    return { kind: "dropped", reason: outcome.kind };
  }
  return { kind: "accepted" };
}

export interface SendTarget {
  readonly instanceId: string;
  /** @default whichever run has the id */
  readonly runId: string | undefined;
  readonly to: EventDefinition | QueueDefinition | string;
  readonly data: unknown;
}

/** Raises an event or enqueues a message. */
export async function sendData(
  connection: Connection,
  kind: "eventRaised" | "queueMessage",
  { instanceId, runId, to, data }: SendTarget,
  options: SendOptions = {},
): Promise<DeliveryOutcome> {
  assertInstanceId(instanceId);
  assertKnownOptions(options, SEND_OPTIONS, "an event or a message");
  const noun = kind === "eventRaised" ? "event" : "queue";
  const name = nameOf(to, noun);
  const subject = `the data for ${noun} "${name}"`;
  if (typeof to !== "string") await validate(to.schema, data, subject);
  const message = { kind, name, data: encodeValue(connection, data, subject) };
  return send(connection, { instanceId, runId, message }, options);
}

export async function sendCancel(
  connection: Connection,
  target: EndTarget,
  options: SendOptions = {},
): Promise<DeliveryOutcome> {
  const { instanceId, runId, reason } = target;
  assertInstanceId(instanceId);
  assertKnownOptions(options, SEND_OPTIONS, "a cancellation");
  assertReason(connection, reason, `cancel instance "${instanceId}"`);
  // No read outside of the user's transaction: a store in memory would wait for itself.
  // What this process holds is read as well: it may be parked already, and not let go yet.
  if (options.transaction === undefined && (await endUnlessRunning(connection, target)))
    return { kind: "accepted" };
  const message: InstanceMessage = { kind: "cancel", reason };
  return send(connection, { instanceId, runId, message, isUrgent: true }, options);
}
