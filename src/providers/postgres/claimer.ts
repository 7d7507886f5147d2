/**
 * Asks for work, and does not lose what was claimed when the answer was.
 *
 * I1. A claim carries an id. After a lost answer the same id is asked for again before anything else
 *     is claimed for that node: the server hands out what was claimed then.
 */

import { systemRandom } from "../../foundation/random.ts";
import { ProviderError } from "../../provider/errors.ts";
import type { NodeId } from "../../provider/provider.ts";
import { isConnectionLost } from "./store-errors.ts";

/** One claim as the server takes it. */
export interface ClaimTicket {
  readonly request: string;
  readonly isRepeated: boolean;
}

export class Claimer {
  readonly #lost = new Map<NodeId, string>();

  /** Rejects with what `ask` throws. */
  async claim<T>(node: NodeId, ask: (ticket: ClaimTicket) => Promise<T>): Promise<T> {
    const lost = this.#lost.get(node);
    const request = lost ?? systemRandom.uuid();
    try {
      const answer = await ask({ request, isRepeated: lost !== undefined });
      this.#lost.delete(node);
      return answer;
    } catch (error) {
      if (error instanceof ProviderError || isConnectionLost(error)) this.#lost.set(node, request);
      throw error;
    }
  }

  /** A node that has left needs nothing any more. */
  forget(node: NodeId): void {
    this.#lost.delete(node);
  }
}
