/**
 * The type-only interface of Standard Schema version 1 (https://standardschema.dev), which zod,
 * valibot, arktype and others implement, and the two calls that this package makes through it.
 */

import { UsageError, ValidationError, type ValidationIssue } from "./errors.ts";

/** Any validator that implements Standard Schema version 1. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a validator answers. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A complaint in Standard Schema's own form. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema accepts. */
export type SchemaInput<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["input"];
/** What a schema turns an accepted value into. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["output"];

/**
 * Validates where waiting is possible: in clients and workers.
 *
 * @returns The value itself where there is no schema, so that no call waits needlessly
 * @throws ValidationError `validation_failed` with the schema's own issues
 */
export function validate<T>(
  schema: StandardSchema<unknown, T> | undefined,
  value: unknown,
  subject: string,
): T | Promise<T> {
  return schema === undefined ? (value as T) : validateBy(schema, value, subject);
}

async function validateBy<T>(
  schema: StandardSchema<unknown, T>,
  value: unknown,
  subject: string,
): Promise<T> {
  return accept(await schema["~standard"].validate(value), subject);
}

/**
 * Validates inside an orchestration, where nothing may wait.
 *
 * @throws ValidationError `validation_failed` with the schema's own issues
 * @throws UsageError `invalid_definition` when the schema is asynchronous
 */
export function validateSync<T>(
  schema: StandardSchema<unknown, T> | undefined,
  value: unknown,
  subject: string,
): T {
  if (schema === undefined) return value as T;
  const result = schema["~standard"].validate(value);
  if (isThenable(result)) {
    // Its outcome no longer matters: the error below is reported.
    const ignore = (): void => undefined;
    result.then(ignore, ignore);
    throw new UsageError(
      "invalid_definition",
      `Cannot validate ${subject}: its schema is asynchronous; use a synchronous schema inside orchestrations`,
    );
  }
  return accept(result, subject);
}

/** Schemas of other libraries may bring promises of their own kind. */
function isThenable(value: object): value is PromiseLike<unknown> {
  return "then" in value && typeof value.then === "function";
}

function accept<T>(result: SchemaResult<T>, subject: string): T {
  if (result.issues === undefined) return result.value;
  throw new ValidationError(subject, result.issues.map(toIssue));
}

function toIssue(issue: SchemaIssue): ValidationIssue {
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return { message: issue.message, path: path.join(".") };
}
