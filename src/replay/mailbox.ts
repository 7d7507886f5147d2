/**
 * Assigns arrivals to waits: external events by position, queue messages first in, first out.
 *
 * A subscription counts from the moment the code makes it until it is served or cancelled, in live
 * turns and in replay alike, so that both always agree (semantics sections 9 and 10; weakness R6).
 */

import { Fifo } from "../foundation/fifo.ts";
import type { EncodedValue } from "../history/event.ts";
import type { CarriedMessage } from "../history/message.ts";
import type { Operation } from "./operation.ts";

interface Buffered {
  readonly order: number;
  readonly data: EncodedValue;
}

export class Mailbox {
  readonly #waits = new Map<string, Fifo<Operation>>();
  readonly #dequeues = new Map<string, Fifo<Operation>>();
  readonly #buffers = new Map<string, Fifo<Buffered>>();
  #arrivalCount = 0;

  addWait(operation: Operation): void {
    fifoOf(this.#waits, operation.name).push(operation);
  }

  /** Serves the operation at once from the buffer, or lines it up. */
  addDequeue(operation: Operation): void {
    const message = this.#buffers.get(operation.name)?.shift();
    if (message !== undefined) operation.resolve(message.data);
    else fifoOf(this.#dequeues, operation.name).push(operation);
  }

  /** The wait that would get an event of this name now. */
  findWait(name: string): Operation | undefined {
    return oldestOpen(this.#waits.get(name));
  }

  /** The dequeue that would get a message of this queue now. */
  findDequeue(name: string): Operation | undefined {
    return oldestOpen(this.#dequeues.get(name));
  }

  buffer(name: string, data: EncodedValue): void {
    fifoOf(this.#buffers, name).push({ order: this.#arrivalCount, data });
    this.#arrivalCount += 1;
  }

  /** Whether a queue of this name has unread messages. */
  hasUnread(name: string): boolean {
    return this.#buffers.get(name)?.peek() !== undefined;
  }

  /** Unread queue messages of all queues, in the order in which they arrived. */
  unread(): CarriedMessage[] {
    return [...this.#buffers]
      .flatMap(([name, buffer]) =>
        buffer.toArray().map(({ order, data }) => ({ order, name, data })),
      )
      .sort((a, b) => a.order - b.order)
      .map(({ name, data }) => ({ name, data }));
  }
}

/** The operation stays in its line until it is served: then it is no longer open. */
function oldestOpen(line: Fifo<Operation> | undefined): Operation | undefined {
  let operation = line?.peek();
  while (operation?.isOpen === false) {
    line?.shift();
    operation = line?.peek();
  }
  return operation;
}

function fifoOf<T>(fifos: Map<string, Fifo<T>>, name: string): Fifo<T> {
  let fifo = fifos.get(name);
  if (fifo === undefined) {
    fifo = new Fifo();
    fifos.set(name, fifo);
  }
  return fifo;
}
