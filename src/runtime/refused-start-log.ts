/** Log lines about the starts of a turn that the store has left out. */

import type { Logger } from "../observability/logger.ts";
import type { Execution } from "../replay/execution.ts";

/**
 * To be called once the turn is durable.
 *
 * @param refused - Ids of detached starts and children that are in use
 */
export function logRefusedStarts(
  logger: Logger,
  { instanceId, executionId, name, version }: Execution,
  refused: readonly string[],
): void {
  for (const refusedInstanceId of refused) {
    logger.log(
      "warn",
      `Cannot start "${refusedInstanceId}" for "${instanceId}": its id is in use, and the start is left out; choose another id`,
      {
        ...{ instanceId, executionId, refusedInstanceId },
        ...{ orchestrationName: name, orchestrationVersion: version },
      },
    );
  }
}
