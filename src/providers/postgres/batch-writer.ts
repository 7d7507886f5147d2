/**
 * Sends batches of operations, and finds out what became of one whose answer was lost.
 *
 * I1. One batch is under way at a time; each has a number, and the server applies a number once.
 * I2. After a lost answer the next call asks first: the server either gives the answer again, or makes
 *     sure that the lost batch never lands. Then the operations that have landed are answered from
 *     memory, the others are sent. (P7)
 */

import { systemClock } from "../../foundation/clock.ts";
import { ProviderError } from "../../provider/errors.ts";
import type { WriteOperation, WriteOutcome } from "../../provider/provider.ts";
import { parseStoredJson } from "../../provider/texts.ts";
import { type OutcomeAnswer, toOutcome } from "./decode.ts";
import { encodeBatch, type EncodedBatch } from "./encode.ts";
import { isConnectionLost } from "./store-errors.ts";

/** Sends one call of `@.write` and gives back its answer as text. */
export type SendBatch = (batch: number, content: EncodedBatch) => Promise<string>;

const NOTHING: EncodedBatch = { operations: "[]", keys: [], ids: [], nodes: [] };

interface Answer {
  readonly now: number;
  readonly o: readonly OutcomeAnswer[];
}

interface LostBatch {
  readonly batch: number;
  readonly operations: readonly WriteOperation[];
}

export class BatchWriter {
  readonly #send: SendBatch;
  readonly #noteTime: (serverMs: number, sentMs: number) => void;
  #batch = 0;
  #lost: LostBatch | undefined;
  /** What landed in a lost batch, until its caller asks; an operation that is never asked for must not be kept for it. */
  readonly #landed = new WeakMap<WriteOperation, WriteOutcome>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(send: SendBatch, noteTime: (serverMs: number, sentMs: number) => void) {
    this.#send = send;
    this.#noteTime = noteTime;
  }

  /** Rejects with what the driver throws. */
  write(operations: readonly WriteOperation[]): Promise<readonly WriteOutcome[]> {
    const answer = this.#last.then(() => this.#write(operations));
    this.#last = answer.catch(() => undefined); // (I1)
    return answer;
  }

  async #write(operations: readonly WriteOperation[]): Promise<readonly WriteOutcome[]> {
    if (this.#lost !== undefined) await this.#resolve(this.#lost);
    const rest = operations.filter((operation) => !this.#landed.has(operation));
    if (rest.length === operations.length) return this.#sendAll(operations);
    const others = rest.length === 0 ? [] : await this.#sendAll(rest);
    let next = 0;
    return operations.map((operation) => {
      const landed = this.#landed.get(operation);
      this.#landed.delete(operation);
      return landed ?? (others[next++] as WriteOutcome);
    });
  }

  async #sendAll(operations: readonly WriteOperation[]): Promise<readonly WriteOutcome[]> {
    const content = encodeBatch(operations);
    this.#batch += 1;
    const batch = this.#batch;
    const sentMs = systemClock.monotonicMs();
    let answer: string;
    try {
      answer = await this.#send(batch, content);
    } catch (error) {
      if (error instanceof ProviderError || isConnectionLost(error)) {
        this.#lost = { batch, operations };
      }
      throw error;
    }
    const { now, outcomes } = read(operations, answer);
    this.#noteTime(now, sentMs);
    return outcomes;
  }

  /** (I2) */
  async #resolve({ batch, operations }: LostBatch): Promise<void> {
    const answer = await this.#send(batch, NOTHING);
    this.#lost = undefined;
    if ((parseStoredJson(answer) as Answer).o.length === 0) return;
    const { outcomes } = read(operations, answer); // Its time is that of the batch, long ago.
    operations.forEach((operation, i) => {
      this.#landed.set(operation, outcomes[i] as WriteOutcome);
    });
  }
}

function read(operations: readonly WriteOperation[], text: string) {
  const { now, o } = parseStoredJson(text) as Answer;
  const outcomes = operations.map((it, i) => toOutcome(it, o[i] as OutcomeAnswer));
  return { now, outcomes };
}
