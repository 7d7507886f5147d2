/** The public surface: a difference here is a decision, and goes to the changelog. */

import { expect, test } from "vitest";

import * as root from "duroxide-ts";
import * as conformance from "duroxide-ts/conformance";
import * as postgres from "duroxide-ts/postgres";
import * as provider from "duroxide-ts/provider";
import * as sqlite from "duroxide-ts/sqlite";
import * as testing from "duroxide-ts/testing";

import { exportsOf } from "../support/source-types.ts";

test.each([
  ["duroxide-ts", "src/index.ts", root],
  ["duroxide-ts/provider", "src/provider/index.ts", provider],
  ["duroxide-ts/sqlite", "src/providers/sqlite/index.ts", sqlite],
  ["duroxide-ts/postgres", "src/providers/postgres/index.ts", postgres],
  ["duroxide-ts/conformance", "src/conformance/index.ts", conformance],
  ["duroxide-ts/testing", "src/testing/index.ts", testing],
])("%s exports what it lists", (_, file, door) => {
  expect(Object.keys(door).sort()).toEqual(exportsOf(file).values);
});

test("duroxide-ts", () => {
  expect(exportsOf("src/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "ActivityContext",
        "ActivityDefinition",
        "ActivityRegistryBuilder",
        "AllValues",
        "BlockedReason",
        "Branch",
        "BranchFailure",
        "BranchValue",
        "CallArguments",
        "CanceledStatus",
        "ClientOptions",
        "Clock",
        "Codec",
        "CompletedStatus",
        "DeliveryOutcome",
        "Divergence",
        "DurableFuture",
        "DurableFutureKind",
        "DurationInput",
        "DurationUnit",
        "ErrorCategory",
        "ErrorCode",
        "EventDefinition",
        "EventKind",
        "ExecutionInfo",
        "ExecutionStatus",
        "FailedStatus",
        "Failure",
        "FailureDetails",
        "FieldsFirstLogger",
        "FinishedStatus",
        "GuardMode",
        "HistoryEvent",
        "IdReusePolicy",
        "InputPolicy",
        "InstanceList",
        "InstanceStatus",
        "InstanceTree",
        "JoinedOutcomes",
        "KeyValueStore",
        "KnownStatus",
        "ListOptions",
        "LogFields",
        "LogLevel",
        "Logger",
        "LoggerLike",
        "NondeterminismPolicy",
        "NotFoundStatus",
        "OrchestrationContext",
        "OrchestrationDefinition",
        "OrchestrationHandle",
        "OrchestrationRegistryBuilder",
        "OrchestrationStatus",
        "ParentLink",
        "PendingStatus",
        "Provider",
        "ProviderErrorCode",
        "QueryResult",
        "QueueDefinition",
        "RunTurnOptions",
        "RunTurnResult",
        "RunningStatus",
        "RuntimeOptions",
        "SchemaInput",
        "SchemaOutput",
        "SelectOptions",
        "SelectedIndex",
        "SelectedKey",
        "SendOptions",
        "ShutdownOptions",
        "SqliteBinding",
        "SqliteDurability",
        "SqliteOptions",
        "StallPolicy",
        "StandardSchema",
        "StartOptions",
        "SubOrchestrationOptions",
        "TerminationOutcome",
        "TestAction",
        "TestEvent",
        "TraceFields",
        "Transaction",
        "TransactionContext",
        "TransactionOption",
        "ValidationIssue",
        "VersionOption",
        "VersionPolicy",
        "WaitOptions",
      ],
      "values": [
        "AbortedError",
        "ActivityError",
        "ActivityRegistry",
        "CanceledError",
        "Client",
        "DuroxideError",
        "InstanceAlreadyExistsError",
        "InstanceEndedError",
        "InstanceNotFoundError",
        "InstanceReplacedError",
        "NonRetryableError",
        "NondeterminismError",
        "OrchestrationCanceledError",
        "OrchestrationFailedError",
        "OrchestrationRegistry",
        "ProviderError",
        "Runtime",
        "SqliteProvider",
        "SubOrchestrationError",
        "TimeoutError",
        "UsageError",
        "ValidationError",
        "consoleLogger",
        "defineActivity",
        "defineEvent",
        "defineOrchestration",
        "defineQueue",
        "defineTransaction",
        "isDuroxideError",
        "jsonCodec",
        "runTurn",
        "silentLogger",
      ],
    }
  `);
});

test("duroxide-ts/provider", () => {
  expect(exportsOf("src/provider/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "ActivityClaim",
        "ActivityKey",
        "BlockedReason",
        "ClaimActivitiesRequest",
        "ClaimInstancesRequest",
        "ClaimedActivity",
        "ClaimedInstance",
        "ConsumedWork",
        "ContinuedExecution",
        "CrashRange",
        "DeliveredMessage",
        "EncodedValue",
        "ExecutionRow",
        "ExecutionStatus",
        "Failure",
        "HeldInstanceWork",
        "HistoryRow",
        "IdReusePolicy",
        "InstanceChange",
        "InstanceClaim",
        "InstanceKey",
        "InstanceRow",
        "InstanceStatus",
        "KeyValueChange",
        "KeyValueChanges",
        "ListPage",
        "ListQuery",
        "MessageId",
        "NewActivity",
        "NodeCode",
        "NodeDescription",
        "NodeId",
        "NodeRow",
        "NodeTakeover",
        "OutgoingMessage",
        "ParentLink",
        "Provider",
        "ProviderErrorCode",
        "ProviderTransactions",
        "QueryResult",
        "QueuedMessage",
        "StartRequest",
        "StoreChange",
        "TimerKey",
        "Transaction",
        "TurnEffects",
        "WriteOperation",
        "WriteOutcome",
      ],
      "values": [
        "PROVIDER_CONTRACT_VERSION",
        "ProviderError",
      ],
    }
  `);
});

test("duroxide-ts/sqlite", () => {
  expect(exportsOf("src/providers/sqlite/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "SqlValue",
        "SqliteBinding",
        "SqliteConstructor",
        "SqliteDatabase",
        "SqliteDurability",
        "SqliteOptions",
        "SqliteStatement",
      ],
      "values": [
        "SqliteProvider",
      ],
    }
  `);
});

test("duroxide-ts/postgres", () => {
  expect(exportsOf("src/providers/postgres/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "PgClient",
        "PgNotification",
        "PgPool",
        "PgPoolClient",
        "PgQuery",
        "PgResult",
        "PostgresOptions",
      ],
      "values": [
        "PostgresProvider",
      ],
    }
  `);
});

test("duroxide-ts/conformance", () => {
  expect(exportsOf("src/conformance/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "CaseOutcome",
        "ConformanceCase",
        "ConformanceHarness",
        "ConformanceStore",
        "CrashPoints",
        "ReferenceStoreOptions",
      ],
      "values": [
        "ConformanceError",
        "ReferenceStore",
        "conformanceCases",
        "plannedConcerns",
      ],
    }
  `);
});

test("duroxide-ts/testing", () => {
  expect(exportsOf("src/testing/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "RunTurnOptions",
        "RunTurnResult",
        "TestAction",
        "TestEvent",
        "TestOutput",
      ],
      "values": [
        "runTurn",
      ],
    }
  `);
});

test("every class of error can be told apart by users", () => {
  const errors = Object.entries(root).filter(([name]) => /^[A-Z].*Error$/.test(name));
  for (const [name, value] of errors) {
    expect(Object.prototype.isPrototypeOf.call(Error, value), name).toBe(true);
  }
  expect(errors.map(([name]) => name).sort()).toMatchInlineSnapshot(`
    [
      "AbortedError",
      "ActivityError",
      "CanceledError",
      "DuroxideError",
      "InstanceAlreadyExistsError",
      "InstanceEndedError",
      "InstanceNotFoundError",
      "InstanceReplacedError",
      "NonRetryableError",
      "NondeterminismError",
      "OrchestrationCanceledError",
      "OrchestrationFailedError",
      "ProviderError",
      "SubOrchestrationError",
      "TimeoutError",
      "UsageError",
      "ValidationError",
    ]
  `);
});
