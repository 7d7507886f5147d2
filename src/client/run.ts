/** One run of an instance id: an id that is used again (`replaceFinished`) has another one. */

import { UsageError } from "../foundation/errors.ts";
import type { InstanceRow } from "../provider/provider.ts";
import { findRow, type Connection } from "./connection.ts";
import { InstanceReplacedError } from "./errors.ts";

/** Bound to a run from the start, or to the first one that is read. */
export class Run {
  readonly instanceId: string;
  #runId: string | undefined;
  /** The orchestration that the caller takes it for. */
  readonly #orchestration: string | undefined;

  constructor(
    instanceId: string,
    {
      runId,
      orchestration,
    }: {
      readonly runId?: string | undefined;
      readonly orchestration?: string | undefined;
    } = {},
  ) {
    this.instanceId = instanceId;
    this.#runId = runId;
    this.#orchestration = orchestration;
  }

  /** Undefined until it is bound. */
  get runId(): string | undefined {
    return this.#runId;
  }

  /**
   * Whether the row is of this run. Binds.
   *
   * @throws UsageError when it is an instance of another orchestration: its result has another type
   */
  owns(row: InstanceRow): boolean {
    if (this.#orchestration !== undefined && row.name !== this.#orchestration) {
      throw new UsageError(
        "invalid_argument",
        `Cannot use the handle on "${this.instanceId}" for orchestration "${this.#orchestration}": the instance runs "${row.name}"; check the id, or pass that definition to getHandle()`,
      );
    }
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
    if (this.#runId === undefined) {
      const row = await findRow(connection, instanceId);
      if (row !== undefined) this.owns(row);
    }
    return { instanceId, runId: this.#runId };
  }

  /** @throws InstanceReplacedError when the row is of another run */
  assertOwn(row: InstanceRow): void {
    if (!this.owns(row)) throw new InstanceReplacedError(this.instanceId);
  }
}
