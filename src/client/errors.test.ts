import { describe, expect, test } from "vitest";

import {
  InstanceAlreadyExistsError,
  InstanceNotFoundError,
  OrchestrationCanceledError,
  OrchestrationFailedError,
} from "./errors.ts";
import type { KnownStatus } from "./status.ts";

const existing = (status: string): KnownStatus =>
  ({ status, instanceId: "order-7", name: "Order" }) as KnownStatus;
const failure = {
  category: "poison",
  code: "poison",
  name: "PoisonError",
  message: "it failed 10 times",
} as const;

describe("errors about instances", () => {
  test("read as sentences that say what to do", () => {
    const errors = [
      new OrchestrationFailedError("order-7", failure),
      new OrchestrationCanceledError("order-7", "out of stock"),
      new OrchestrationCanceledError("order-7", ""),
      new InstanceAlreadyExistsError(existing("Pending")),
      new InstanceAlreadyExistsError(existing("Completed")),
      new InstanceNotFoundError("order-7", 'store "a.db"'),
      new InstanceNotFoundError("order-7", 'store "a.db"', { executionId: 3, newest: 1 }),
    ];
    expect(errors.map((error) => `${error.code}: ${error.message}`)).toMatchInlineSnapshot(`
      [
        "orchestration_failed: Orchestration "order-7" failed: it failed 10 times",
        "orchestration_canceled: Orchestration "order-7" was canceled: out of stock",
        "orchestration_canceled: Orchestration "order-7" was canceled",
        "instance_already_exists: Cannot start instance "order-7" as "Order": the id is in use by a "Order" that is Pending; choose another id, or pass idReuse "ignore" for a handle on it",
        "instance_already_exists: Cannot start instance "order-7" as "Order": the id is in use by a "Order" that is Completed; choose another id, or pass idReuse "replaceFinished" to start anew, or pass idReuse "ignore" for a handle on it",
        "instance_not_found: Cannot read instance "order-7": it does not exist in store "a.db"; check the id, and whether it was started in this store",
        "instance_not_found: Cannot read execution 3 of instance "order-7": the newest one is 1, and listExecutions() names those that are kept; pass one of them",
      ]
    `);
  });

  test("carry the category of the failure", () => {
    expect(new OrchestrationFailedError("order-7", failure)).toMatchObject({
      category: "poison",
      retryable: false,
      failure,
    });
  });
});
