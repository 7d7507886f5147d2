/** All cases, and what is still to come. */

import type { ConformanceCase } from "./case.ts";
import { activities } from "./cases/activities.ts";
import { atomicity } from "./cases/atomicity.ts";
import { attempts } from "./cases/attempts.ts";
import { claims } from "./cases/claims.ts";
import { clockJumps } from "./cases/clock-jumps.ts";
import { codeFilter } from "./cases/code-filter.ts";
import { connections } from "./cases/connections.ts";
import { contention } from "./cases/contention.ts";
import { countedCrashes } from "./cases/counted-crashes.ts";
import { crashes } from "./cases/crashes.ts";
import { customStatus } from "./cases/custom-status.ts";
import { endings } from "./cases/endings.ts";
import { errors } from "./cases/errors.ts";
import { executions } from "./cases/executions.ts";
import { fencing } from "./cases/fencing.ts";
import { fields } from "./cases/fields.ts";
import { keyValueLayers } from "./cases/key-values.ts";
import { management } from "./cases/management.ts";
import { nodes } from "./cases/nodes.ts";
import { parking } from "./cases/parking.ts";
import { queues } from "./cases/queues.ts";
import { repetition } from "./cases/repetition.ts";
import { stalls } from "./cases/stalls.ts";
import { starts } from "./cases/starts.ts";
import { time } from "./cases/time.ts";
import { transactions } from "./cases/transactions.ts";

/** Every case of the kit, concern by concern; each opens a store of its own. */
export function conformanceCases(): readonly ConformanceCase[] {
  return [
    ...atomicity,
    ...errors,
    ...claims,
    ...nodes,
    ...fields,
    ...fencing,
    ...executions,
    ...queues,
    ...starts,
    ...activities,
    ...attempts,
    ...countedCrashes,
    ...stalls,
    ...codeFilter,
    ...parking,
    ...endings,
    ...time,
    ...clockJumps,
    ...customStatus,
    ...keyValueLayers,
    ...management,
    ...connections,
    ...repetition,
    ...transactions,
    ...contention,
    ...crashes,
  ];
}

/** What the contract does not have yet, and the kit therefore does not ask for. */
export const plannedConcerns: readonly { readonly concern: string; readonly about: string }[] = [
  { concern: "sessions", about: "activities of one session go to one node" },
  { concern: "tags", about: "nodes take activities by their tags" },
  { concern: "deletion", about: "instances are removed, alone or with descendants" },
  { concern: "pruning", about: "old executions and old key-values are removed" },
  { concern: "metrics", about: "instances by status, and depths of queues" },
];
