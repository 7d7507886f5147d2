/**
 * The base of every error this package throws, and the table of their stable codes.
 *
 * An error is recognised by its `code` or its class, never by its message. `instanceof` and
 * `isDuroxideError` also recognise errors that come from another installed copy of the package.
 */

/** What kind of trouble an error reports; decides who has to act on it. */
export type ErrorCategory = "application" | "infrastructure" | "configuration" | "poison";

/** Every code that a {@link DuroxideError} can carry. Codes are never renamed or reused. */
export type ErrorCode =
  // The caller's mistakes.
  | "invalid_argument"
  | "invalid_duration"
  | "invalid_definition"
  | "duplicate_definition"
  | "not_serializable"
  | "payload_too_large"
  | "limit_exceeded"
  | "validation_failed"
  | "closed"
  | "scope_closed"
  | "execution_ended"
  | "outside_turn"
  // Outcomes of waiting and starting.
  | "instance_already_exists"
  | "instance_not_found"
  | "instance_replaced"
  | "instance_ended"
  | "orchestration_failed"
  | "orchestration_canceled"
  | "timeout"
  | "aborted"
  // What user code sees inside an orchestration.
  | "activity_failed"
  | "sub_orchestration_failed"
  | "operation_canceled"
  | "branch_lost"
  | "non_retryable"
  // Code and history disagree.
  | "nondeterminism"
  | "guard_violation"
  | "foreign_await"
  | "turn_stalled"
  | "not_registered"
  | "history_corrupt"
  | "history_too_new"
  // Messages that keep failing.
  | "poison"
  // The store.
  | "store_busy"
  | "store_unreachable"
  | "store_failed"
  | "store_not_found"
  | "store_not_ours"
  | "store_too_new"
  | "store_read_only"
  | "store_unsafe"
  | "store_corrupt"
  | "sqlite_binding_missing";

/** Options that every error of this package accepts. */
export interface DuroxideErrorOptions {
  readonly category: ErrorCategory;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable?: boolean;
  /** Facts for programs, JSON only. */
  readonly details?: unknown;
  readonly cause?: unknown;
}

const BRAND: unique symbol = Symbol.for("duroxide-ts/error") as never;

/** The marks of our own classes, by class; a subclass of a user has none. */
const marks = new WeakMap<object, symbol>();

/**
 * Lets `instanceof` know the errors of a class from every installed copy of this package. To be called
 * by the class itself.
 *
 * @param name - Of the class: a minifier may have changed its own
 */
export function markErrors(errorClass: { readonly prototype: object }, name: string): void {
  const mark = Symbol.for(`duroxide-ts/error/${name}`);
  marks.set(errorClass, mark);
  Object.defineProperty(errorClass.prototype, mark, { value: true });
}

/** Base class of every error that this package throws. */
export class DuroxideError extends Error {
  static {
    markErrors(this, "DuroxideError");
  }

  /** Errors of another installed copy of this package count, too. */
  static override [Symbol.hasInstance](this: object, value: unknown): boolean {
    const mark = marks.get(this);
    if (mark !== undefined) return typeof value === "object" && value !== null && mark in value;
    return Function.prototype[Symbol.hasInstance].call(this as () => void, value);
  }

  override readonly name: string = "DuroxideError";
  /** Stable code; see `docs/reference/errors.md`. */
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  readonly retryable: boolean;
  readonly details: unknown;

  constructor(code: ErrorCode, message: string, options: DuroxideErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.category = options.category;
    this.retryable = options.retryable ?? false;
    this.details = options.details;
    Object.defineProperty(this, BRAND, { value: true, enumerable: false });
  }
}

/** Tells whether a caught value is an error of this package, whichever copy of it threw. */
export function isDuroxideError(value: unknown): value is DuroxideError {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** The caller passed something that this package cannot accept; nothing was written. */
export class UsageError extends DuroxideError {
  static {
    markErrors(this, "UsageError");
  }
  override readonly name: string = "UsageError";

  constructor(
    code:
      | "invalid_argument"
      | "invalid_duration"
      | "invalid_definition"
      | "duplicate_definition"
      | "not_serializable"
      | "payload_too_large"
      | "limit_exceeded"
      | "closed"
      | "scope_closed"
      | "execution_ended"
      | "outside_turn",
    message: string,
    options: { readonly details?: unknown; readonly cause?: unknown } = {},
  ) {
    super(code, message, { category: "application", ...options });
  }
}

/** One complaint of a schema about a value. */
export interface ValidationIssue {
  readonly message: string;
  /** Where inside the value, such as `items.0.sku`; empty for the value itself. */
  readonly path: string;
}

/** All of them in one line. */
export function describeIssues(issues: readonly ValidationIssue[]): string {
  return issues.map((i) => (i.path === "" ? i.message : `${i.path}: ${i.message}`)).join("; ");
}

/** A value does not satisfy the schema of the definition that it was meant for. */
export class ValidationError extends DuroxideError {
  static {
    markErrors(this, "ValidationError");
  }
  override readonly name = "ValidationError";
  readonly issues: readonly ValidationIssue[];

  constructor(subject: string, issues: readonly ValidationIssue[]) {
    const list = describeIssues(issues);
    super(
      "validation_failed",
      `Cannot accept ${subject}: its schema rejects the value (${list}); pass a value that satisfies the schema`,
      { category: "application", details: { issues } },
    );
    this.issues = issues;
  }
}

/** A wait ended because its `timeout` passed; what was waited for goes on. */
export class TimeoutError extends DuroxideError {
  static {
    markErrors(this, "TimeoutError");
  }
  override readonly name = "TimeoutError";

  constructor(message: string, details?: unknown) {
    super("timeout", message, { category: "infrastructure", retryable: true, details });
  }
}

/** A wait ended because its `signal` was aborted; what was waited for goes on. */
export class AbortedError extends DuroxideError {
  static {
    markErrors(this, "AbortedError");
  }
  override readonly name = "AbortedError";

  constructor(message: string, cause?: unknown) {
    super("aborted", message, { category: "application", cause });
  }
}
