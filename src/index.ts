/** The door of the package: authoring, runtime, client, the embedded store, errors. */

export { Client, type ClientOptions } from "./client/client.ts";
export {
  InstanceAlreadyExistsError,
  InstanceNotFoundError,
  InstanceEndedError,
  InstanceReplacedError,
  OrchestrationCanceledError,
  OrchestrationFailedError,
} from "./client/errors.ts";
export type { OrchestrationHandle } from "./client/handle.ts";
export type {
  ExecutionInfo,
  InstanceList,
  InstanceTree,
  ListOptions,
} from "./client/management.ts";
export type { TransactionOption } from "./client/connection.ts";
export type { DeliveryOutcome, SendOptions } from "./client/messages.ts";
export type { TerminationOutcome } from "./client/termination.ts";
export type { StartOptions } from "./client/start.ts";
export type {
  CanceledStatus,
  CompletedStatus,
  FailedStatus,
  FinishedStatus,
  KnownStatus,
  NotFoundStatus,
  OrchestrationStatus,
  PendingStatus,
  RunningStatus,
} from "./client/status.ts";
export type { WaitOptions } from "./client/wait.ts";

export type { Clock } from "./foundation/clock.ts";
export type { DurationInput, DurationUnit } from "./foundation/duration.ts";
export {
  AbortedError,
  DuroxideError,
  isDuroxideError,
  TimeoutError,
  UsageError,
  ValidationError,
  type ErrorCategory,
  type ErrorCode,
  type ValidationIssue,
} from "./foundation/errors.ts";
export { jsonCodec, type Codec } from "./foundation/json.ts";
export type { QueryResult, Transaction } from "./foundation/transaction.ts";
export type { SchemaInput, SchemaOutput, StandardSchema } from "./foundation/standard-schema.ts";

export type { EventKind, HistoryEvent, ParentLink } from "./history/event.ts";
export type { Failure } from "./history/failure.ts";

export {
  consoleLogger,
  silentLogger,
  type LogFields,
  type Logger,
  type LogLevel,
} from "./observability/logger.ts";
export type { FieldsFirstLogger, LoggerLike } from "./observability/logger-like.ts";

export type { ActivityContext, TransactionContext } from "./orchestration/activity-context.ts";
export type {
  CallArguments,
  KeyValueStore,
  OrchestrationContext,
  SelectOptions,
  SubOrchestrationOptions,
  TraceFields,
  VersionOption,
} from "./orchestration/context.ts";
export {
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  defineTransaction,
  type ActivityDefinition,
  type EventDefinition,
  type InputPolicy,
  type OrchestrationDefinition,
  type QueueDefinition,
} from "./orchestration/define.ts";
export type {
  AllValues,
  Branch,
  BranchValue,
  DurableFuture,
  DurableFutureKind,
  JoinedOutcomes,
  SelectedIndex,
  SelectedKey,
} from "./orchestration/durable-future.ts";
export {
  ActivityError,
  CanceledError,
  NondeterminismError,
  NonRetryableError,
  SubOrchestrationError,
  type BranchFailure,
  type Divergence,
  type FailureDetails,
} from "./orchestration/errors.ts";
export {
  ActivityRegistry,
  OrchestrationRegistry,
  type ActivityRegistryBuilder,
  type OrchestrationRegistryBuilder,
  type VersionPolicy,
} from "./orchestration/registry.ts";

export { ProviderError, type ProviderErrorCode } from "./provider/errors.ts";
export type {
  BlockedReason,
  ExecutionStatus,
  IdReusePolicy,
  InstanceStatus,
  Provider,
} from "./provider/provider.ts";
export {
  SqliteProvider,
  type SqliteBinding,
  type SqliteDurability,
  type SqliteOptions,
} from "./providers/sqlite/index.ts";
export type { GuardMode } from "./replay/guards.ts";
export type { NondeterminismPolicy, RuntimeOptions } from "./runtime/options.ts";
export type { StallPolicy } from "./runtime/stall-watch.ts";
export { Runtime, type ShutdownOptions } from "./runtime/runtime.ts";
export {
  runTurn,
  type RunTurnOptions,
  type RunTurnResult,
  type TestAction,
  type TestEvent,
} from "./testing/run-turn.ts";
