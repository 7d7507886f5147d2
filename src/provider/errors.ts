/** What goes wrong in a store, sorted by what the caller may do about it. */

import { DuroxideError, markErrors, type ErrorCode } from "../foundation/errors.ts";

export type ProviderErrorCode = Extract<
  ErrorCode,
  | "store_busy"
  | "store_unreachable"
  | "store_failed"
  | "store_not_found"
  | "store_not_ours"
  | "store_too_new"
  | "store_read_only"
  | "store_unsafe"
  | "store_corrupt"
  | "sqlite_binding_missing"
  | "closed"
>;

/** Thrown when a store cannot do what it was asked. Nothing of the failed call has happened. */
export class ProviderError extends DuroxideError {
  static {
    markErrors(this, "ProviderError");
  }
  override readonly name = "ProviderError";

  constructor(
    code: ProviderErrorCode,
    message: string,
    options: { readonly retryable: boolean; readonly details?: unknown; readonly cause?: unknown },
  ) {
    super(code, message, { category: "infrastructure", ...options });
  }
}
