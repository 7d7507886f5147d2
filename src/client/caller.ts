/** The user's line in errors that come to a waiting call from elsewhere, such as the end of a watch. */

import { isDuroxideError } from "../foundation/errors.ts";
import { readStack, takeStack } from "../foundation/stack.ts";
import { findUserFrame } from "../replay/source.ts";

/**
 * Adds the frames of the code that awaits the call, where the stack has none of the user's. To be
 * called in an async function that has awaited what failed: only then does the engine know who waits.
 *
 * @returns The error itself
 */
export function withCaller(error: unknown): unknown {
  const stack = readStack(error);
  if (!isDuroxideError(error) || stack === undefined || findUserFrame(stack) !== undefined)
    return error;
  const lines = takeStack("caller", { above: withCaller })?.split("\n") ?? [];
  const first = lines.findIndex((line) => findUserFrame(line) !== undefined);
  if (first >= 0) Reflect.set(error, "stack", [stack, ...lines.slice(first)].join("\n"));
  return error;
}
