/** One run of an instance id: an id that is used again (`replaceFinished`) has another one. */

import type { InstanceRow } from "../provider/provider.ts";
import { findRow, type Connection } from "./connection.ts";
import { InstanceReplacedError } from "./errors.ts";

/** Bound to a run from the start, or to the first one that is read. */
export class Run {
  readonly instanceId: string;
  #runId: string | undefined;

  constructor(instanceId: string, runId?: string) {
    this.instanceId = instanceId;
    this.#runId = runId;
  }

  /** Undefined until it is bound. */
  get runId(): string | undefined {
    return this.#runId;
  }

  /** Whether the row is of this run. Binds. */
  owns(row: InstanceRow): boolean {
    this.#runId ??= row.runId;
    return row.runId === this.#runId;
  }

  /**
   * Binds it to the run that has the id now, if any has.
   *
   * @returns The id, and the run where it is bound
   */
  async bind(
    connection: Connection,
  ): Promise<{ readonly instanceId: string; readonly runId: string | undefined }> {
    const { instanceId } = this;
    if (this.#runId === undefined) this.#runId = (await findRow(connection, instanceId))?.runId;
    return { instanceId, runId: this.#runId };
  }

  /** @throws InstanceReplacedError when the row is of another run */
  assertOwn(row: InstanceRow): void {
    if (!this.owns(row)) throw new InstanceReplacedError(this.instanceId);
  }
}
