/** Everything that the store and the ledger hold when all is over, ready to be compared. */

import type { Client, HistoryEvent, KnownStatus } from "duroxide-ts";

import type { Ledger, LedgerEntry } from "./ledger.ts";

/** One execution of one instance. */
export interface RecordedExecution {
  readonly instanceId: string;
  readonly executionId: number;
  readonly events: readonly HistoryEvent[];
}

export interface Evidence {
  readonly instances: ReadonlyMap<string, KnownStatus>;
  readonly executions: readonly RecordedExecution[];
  readonly entries: readonly LedgerEntry[];
}

export async function collectEvidence(client: Client, ledger: Ledger): Promise<Evidence> {
  const instances = new Map<string, KnownStatus>();
  let cursor: string | undefined;
  do {
    const page = await client.listInstances({
      limit: 1_000,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const status of page.instances) instances.set(status.instanceId, status);
    cursor = page.cursor;
  } while (cursor !== undefined);

  const executions: RecordedExecution[] = [];
  for (const instanceId of instances.keys()) {
    for (const { executionId } of await client.listExecutions(instanceId)) {
      const events = await client.readExecutionHistory(instanceId, executionId);
      executions.push({ instanceId, executionId, events });
    }
  }
  return { instances, executions, entries: ledger.read() };
}
