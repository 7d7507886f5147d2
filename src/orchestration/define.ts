/**
 * Definitions: a name, a function, and the types that flow from it to every call.
 *
 * Inference starts here; callers write no type arguments. Definitions are plain frozen values that
 * know no runtime and no store.
 */

import { UsageError } from "../foundation/errors.ts";
import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { NOT_A_VALUE, type NotAValue } from "../foundation/json.ts";
import { OptionDoor } from "../foundation/option-values.ts";
import { NAME_BYTES_MAX, assertName } from "../foundation/limits.ts";
import type { SchemaInput, SchemaOutput, StandardSchema } from "../foundation/standard-schema.ts";
import type { Transaction } from "../foundation/transaction.ts";
import type { ActivityContext, TransactionContext } from "./activity-context.ts";
import type { OrchestrationContext } from "./context.ts";
import { assertVersion } from "./version.ts";

/** Carries types from a definition to its calls; absent at run time. */
interface Types<In, Out> {
  readonly "~types"?: { readonly input: In; readonly output: Out };
}

/**
 * What replay does with the input of a recorded call: `"compare"` parks an instance whose code passes
 * another value now (key order does not count), `"ignore"` lets the recorded one stand.
 */
export type InputPolicy = "compare" | "ignore";

/** A named activity: `In` is what callers pass, `Out` what they get. */
export interface ActivityDefinition<In = unknown, Out = unknown> extends Types<In, Out> {
  readonly kind: "activity";
  readonly name: string;
  readonly run: (input: never, ctx: ActivityContext) => unknown;
  /**
   * Set by {@link defineTransaction}: runs in a database transaction that holds the completion as
   * well; `run` only says that.
   */
  readonly runInTransaction?:
    ((tx: Transaction, input: never, ctx: TransactionContext) => unknown) | undefined;
  readonly input: StandardSchema | undefined;
  readonly output: StandardSchema | undefined;
  /** @default "compare" */
  readonly inputs?: InputPolicy | undefined;
}

/** A named orchestration: `In` is what callers pass, `Out` what they get. */
export interface OrchestrationDefinition<In = unknown, Out = unknown> extends Types<In, Out> {
  readonly kind: "orchestration";
  readonly name: string;
  /** A semantic version such as `1.2.0`. */
  readonly version: string;
  readonly run: (ctx: OrchestrationContext, input: never) => unknown;
  readonly input: StandardSchema | undefined;
  readonly output: StandardSchema | undefined;
  /** @default "compare" */
  readonly inputs?: InputPolicy | undefined;
}

/** A named external event that carries a `T`. */
export interface EventDefinition<T = unknown> extends Types<T, T> {
  readonly kind: "event";
  readonly name: string;
  readonly schema: StandardSchema | undefined;
}

/** A named event queue whose messages carry a `T`. */
export interface QueueDefinition<T = unknown> extends Types<T, T> {
  readonly kind: "queue";
  readonly name: string;
  readonly schema: StandardSchema | undefined;
}

/** The version of an orchestration that names none. */
export const DEFAULT_VERSION = "1.0.0";

type Returned<Out> = Out | PromiseLike<Out>;
type TransactionBody = NonNullable<ActivityDefinition["runInTransaction"]>;

/**
 * Defines an activity.
 *
 * @param name - Unique in a runtime; 1 to 256 UTF-8 bytes
 * @param run - Any function; runs at least once per schedule, so it should be idempotent
 * @throws UsageError `invalid_definition` when the name or the function is unusable
 */
export function defineActivity<In, Out>(
  name: string,
  run: (input: In, ctx: ActivityContext) => Returned<Out>,
): ActivityDefinition<In, Out>;
export function defineActivity<I extends StandardSchema, O extends StandardSchema>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly input: I;
  readonly output: O;
  readonly run: (input: SchemaOutput<I>, ctx: ActivityContext) => Returned<SchemaInput<O>>;
}): ActivityDefinition<SchemaInput<I>, SchemaOutput<O>>;
export function defineActivity<I extends StandardSchema, Out>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly input: I;
  readonly output?: undefined;
  readonly run: (input: SchemaOutput<I>, ctx: ActivityContext) => Returned<Out>;
}): ActivityDefinition<SchemaInput<I>, Out>;
export function defineActivity<In, O extends StandardSchema>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly input?: undefined;
  readonly output: O;
  readonly run: (input: In, ctx: ActivityContext) => Returned<SchemaInput<O>>;
}): ActivityDefinition<In, SchemaOutput<O>>;
export function defineActivity<In, Out>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly input?: undefined;
  readonly output?: undefined;
  readonly run: (input: In, ctx: ActivityContext) => Returned<Out>;
}): ActivityDefinition<In, Out>;
export function defineActivity(
  nameOrDefinition: string | Parts<ActivityDefinition["run"]>,
  run?: ActivityDefinition["run"],
  ...more: unknown[]
): ActivityDefinition {
  const parts = toParts({ nameOrParts: nameOrDefinition, run, more }, "activity");
  return finish({
    kind: "activity",
    name: parts.name,
    run: parts.run,
    input: parts.input,
    output: parts.output,
    ...(parts.inputs !== undefined && { inputs: parts.inputs }),
  });
}

/**
 * Defines an activity whose own SQL and whose recorded completion are one database transaction: it
 * happens exactly once. It is registered and scheduled like any other activity, on a store that
 * shares transactions.
 *
 * When the function throws, its SQL is rolled back and the activity has failed. It may run again when
 * its worker or its store has failed before the commit, so it does nothing outside of `tx` that must
 * not be repeated; and it is short, since others wait for what it has locked.
 *
 * @param name - Unique in a runtime; 1 to 256 UTF-8 bytes
 * @throws UsageError `invalid_definition` when the name or the function is unusable
 */
export function defineTransaction<In, Out>(
  name: string,
  run: (tx: Transaction, input: In, ctx: TransactionContext) => Returned<Out>,
): ActivityDefinition<In, Out>;
export function defineTransaction<I extends StandardSchema, O extends StandardSchema>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly input: I;
  readonly output: O;
  readonly run: (
    tx: Transaction,
    input: SchemaOutput<I>,
    ctx: TransactionContext,
  ) => Returned<SchemaInput<O>>;
}): ActivityDefinition<SchemaInput<I>, SchemaOutput<O>>;
export function defineTransaction<I extends StandardSchema, Out>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly input: I;
  readonly output?: undefined;
  readonly run: (tx: Transaction, input: SchemaOutput<I>, ctx: TransactionContext) => Returned<Out>;
}): ActivityDefinition<SchemaInput<I>, Out>;
export function defineTransaction<In, O extends StandardSchema>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly input?: undefined;
  readonly output: O;
  readonly run: (tx: Transaction, input: In, ctx: TransactionContext) => Returned<SchemaInput<O>>;
}): ActivityDefinition<In, SchemaOutput<O>>;
export function defineTransaction<In, Out>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly input?: undefined;
  readonly output?: undefined;
  readonly run: (tx: Transaction, input: In, ctx: TransactionContext) => Returned<Out>;
}): ActivityDefinition<In, Out>;
export function defineTransaction(
  nameOrDefinition: string | Parts<TransactionBody>,
  run?: TransactionBody,
  ...more: unknown[]
): ActivityDefinition {
  const parts = toParts({ nameOrParts: nameOrDefinition, run, more }, "transaction");
  return finish({
    kind: "activity",
    name: parts.name,
    run: (): never => {
      throw new UsageError(
        "invalid_argument",
        `Cannot run transaction ${JSON.stringify(parts.name)} by itself: it needs a transaction of a store; test its function, or run it in a runtime`,
      );
    },
    runInTransaction: parts.run,
    input: parts.input,
    output: parts.output,
    ...(parts.inputs !== undefined && { inputs: parts.inputs }),
  });
}

/**
 * Defines an orchestration.
 *
 * @param name - Shared by all versions of it; 1 to 256 UTF-8 bytes
 * @param run - A deterministic async function: it schedules work through `ctx` and does none itself
 * @throws UsageError `invalid_definition` when the name, the version or the function is unusable
 */
export function defineOrchestration<In, Out>(
  name: string,
  run: (ctx: OrchestrationContext, input: In) => Returned<Out>,
): OrchestrationDefinition<In, Out>;
export function defineOrchestration<
  I extends StandardSchema,
  O extends StandardSchema,
>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly version?: string;
  readonly input: I;
  readonly output: O;
  readonly run: (ctx: OrchestrationContext, input: SchemaOutput<I>) => Returned<SchemaInput<O>>;
}): OrchestrationDefinition<SchemaInput<I>, SchemaOutput<O>>;
export function defineOrchestration<I extends StandardSchema, Out>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly version?: string;
  readonly input: I;
  readonly output?: undefined;
  readonly run: (ctx: OrchestrationContext, input: SchemaOutput<I>) => Returned<Out>;
}): OrchestrationDefinition<SchemaInput<I>, Out>;
export function defineOrchestration<In, O extends StandardSchema>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly version?: string;
  readonly input?: undefined;
  readonly output: O;
  readonly run: (ctx: OrchestrationContext, input: In) => Returned<SchemaInput<O>>;
}): OrchestrationDefinition<In, SchemaOutput<O>>;
export function defineOrchestration<In, Out>(definition: {
  readonly name: string;
  readonly inputs?: InputPolicy;
  readonly version?: string;
  readonly input?: undefined;
  readonly output?: undefined;
  readonly run: (ctx: OrchestrationContext, input: In) => Returned<Out>;
}): OrchestrationDefinition<In, Out>;
export function defineOrchestration(
  nameOrDefinition: string | Parts<OrchestrationDefinition["run"]>,
  run?: OrchestrationDefinition["run"],
  ...more: unknown[]
): OrchestrationDefinition {
  const parts = toParts({ nameOrParts: nameOrDefinition, run, more }, "orchestration");
  return finish({
    kind: "orchestration",
    name: parts.name,
    version: parts.version ?? DEFAULT_VERSION,
    run: parts.run,
    input: parts.input,
    output: parts.output,
    ...(parts.inputs !== undefined && { inputs: parts.inputs }),
  });
}

/**
 * Defines a one-shot external event.
 *
 * @param name - 1 to 256 UTF-8 bytes
 * @param schema - Any Standard Schema validator; checked where the event is raised and received
 */
export function defineEvent<S extends StandardSchema>(
  name: string,
  schema: S,
): EventDefinition<SchemaOutput<S>>;
export function defineEvent<T = unknown>(name: string): EventDefinition<T>;
export function defineEvent(name: string, schema?: StandardSchema): EventDefinition {
  assertName(name, "event name", "invalid_definition");
  assertSchema(schema, `event ${JSON.stringify(name)}`);
  return finish({ kind: "event", name, schema });
}

/**
 * Defines a persistent queue of messages for an instance, first in, first out.
 *
 * @param name - 1 to 256 UTF-8 bytes
 * @param schema - Any Standard Schema validator; checked where a message is sent and received
 */
export function defineQueue<S extends StandardSchema>(
  name: string,
  schema: S,
): QueueDefinition<SchemaOutput<S>>;
export function defineQueue<T = unknown>(name: string): QueueDefinition<T>;
export function defineQueue(name: string, schema?: StandardSchema): QueueDefinition {
  assertName(name, "queue name", "invalid_definition");
  assertSchema(schema, `queue ${JSON.stringify(name)}`);
  return finish({ kind: "queue", name, schema });
}

interface Parts<Run> {
  readonly name: string;
  readonly inputs?: InputPolicy | undefined;
  readonly version?: string | undefined;
  readonly run: Run;
  readonly input?: StandardSchema | undefined;
  readonly output?: StandardSchema | undefined;
}

/** Freezes a definition, and marks it as what cannot be stored in a value. */
function finish<D extends { readonly kind: string; readonly name: string }>(definition: D): D {
  const mark: NotAValue = {
    what: `the definition of ${definition.kind} ${JSON.stringify(definition.name)}`,
    instead: "pass its name",
  };
  return Object.freeze(Object.defineProperty(definition, NOT_A_VALUE, { value: mark }));
}

const ACTIVITY_PARTS: OptionNames<Omit<Parts<unknown>, "version">> = {
  name: true,
  inputs: true,
  run: true,
  input: true,
  output: true,
};
const ORCHESTRATION_PARTS: OptionNames<Parts<unknown>> = { ...ACTIVITY_PARTS, version: true };

interface DefineArguments<Run> {
  readonly nameOrParts: string | Parts<Run>;
  readonly run: Run | undefined;
  /** What no definition takes. */
  readonly more: readonly unknown[];
}

function toParts<Run>(
  { nameOrParts, run, more }: DefineArguments<Run>,
  kind: "activity" | "transaction" | "orchestration",
): Parts<Run> {
  const parts: unknown = typeof nameOrParts === "string" ? { name: nameOrParts, run } : nameOrParts;
  if (typeof parts !== "object" || parts === null) {
    throw new UsageError(
      "invalid_definition",
      `Cannot define ${kind === "transaction" ? "a" : "an"} ${kind}: its name is missing; pass a text of 1 to ${NAME_BYTES_MAX} bytes`,
    );
  }
  const { name, run: body, input, output, inputs, version } = parts as Partial<Parts<Run>>;
  assertName(name, `${kind} name`, "invalid_definition");
  const subject = `the definition of ${kind} ${JSON.stringify(name)}`;
  const known = kind === "orchestration" ? ORCHESTRATION_PARTS : ACTIVITY_PARTS;
  assertKnownOptions(parts, known, subject, "invalid_definition");
  for (const options of more) {
    if (options !== undefined) assertKnownOptions(options, {}, subject, "invalid_definition");
  }
  if (typeof body !== "function") {
    throw new UsageError(
      "invalid_definition",
      `Cannot define ${kind} ${JSON.stringify(name)}: \`run\` is ${body === undefined ? "missing" : `a value of type ${typeof body}`}; pass a function`,
    );
  }
  const door = new OptionDoor(
    `Cannot define ${kind} ${JSON.stringify(name)}`,
    "invalid_definition",
  );
  if (inputs !== undefined) door.oneOf("inputs", inputs, ["compare", "ignore"]);
  assertVersion(door, version);
  assertSchema(input, `the input of ${kind} ${JSON.stringify(name)}`);
  assertSchema(output, `the output of ${kind} ${JSON.stringify(name)}`);
  return parts as Parts<Run>;
}

function assertSchema(schema: unknown, subject: string): void {
  if (schema === undefined) return;
  const standard = (schema as StandardSchema | null)?.["~standard"] as
    { validate?: unknown } | undefined;
  if (typeof standard?.validate !== "function") {
    throw new UsageError(
      "invalid_definition",
      `Cannot use the schema of ${subject}: it does not implement Standard Schema; pass a zod, valibot or arktype schema`,
    );
  }
}
