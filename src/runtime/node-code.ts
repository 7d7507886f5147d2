/** Says which code a runtime has, in the words of the contract. */

import type { NodeCode } from "../provider/provider.ts";
import type { RuntimeSettings } from "./options.ts";

/** Names and versions that are registered; a version policy chooses among them later. */
export function toNodeCode({
  orchestrations,
  activities,
}: Pick<RuntimeSettings, "orchestrations" | "activities">): NodeCode {
  return {
    orchestrations: orchestrations
      .names()
      .map((name) => ({ name, versions: orchestrations.versions(name) })),
    activities: activities.names(),
  };
}
