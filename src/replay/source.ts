/**
 * Finds the line of user code in a stack.
 *
 * Frames of this package are distinguished from the user's by its folder, which is read off the
 * first stack that this file makes: so it is right with source maps, too. In a bundle without source
 * maps all code has one path. There the frames above a call of the user are cut off at the function
 * that the user has called, or known by the names of our classes.
 */

import { takeStack } from "../foundation/stack.ts";
import { rootCauseOf, type Failure } from "../history/failure.ts";

/** A function that user code calls directly. */
export type Boundary = (...args: never[]) => unknown;

/** The place in user code that called a {@link Boundary}. */
export interface Caller {
  /** Such as `approve (/app/approval.ts:12:5)`. */
  readonly source: string | undefined;
  readonly stack: string | undefined;
}

/** Matches frames of files in `dist` and `src` of this package; undefined in a bundle. */
const OWN_FILE = toOwnFile(takeStack("load"));
/** Matches frames of the classes through which an orchestration calls us. */
const OWN_CLASS = /^(?:[gs]et )?_*(?:LiveContext|LiveKeyValueStore|Execution)\d*\./;

function toOwnFile(stack: string | undefined): RegExp | undefined {
  const file = /([^\s()]+)[\\/](?:dist|src)[\\/]replay[\\/]source\.[jt]s/.exec(stack ?? "")?.[1];
  if (file === undefined) return undefined;
  // The same file is a URL in one stack and a path in another.
  const folder = file.replace(/^\w+:\/\//, "").replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`${folder}[\\\\/](?:dist|src)[\\\\/](?!.*\\.test\\.)`);
}

/** The first frame that is neither ours nor the platform's, such as `approve (/app/approval.ts:12:5)`. */
export function findUserFrame(stack: string | undefined): string | undefined {
  for (const line of stack?.split("\n") ?? []) {
    const frame = /^\s*at (?:async )?(.+)$/.exec(line)?.[1];
    if (frame !== undefined && !isOwn(frame) && !isForeign(frame)) return frame;
  }
  return undefined;
}

/** The line of user code that what was thrown comes from, its root cause first. */
export function findFailureSource(failure: Failure): string | undefined {
  return findUserFrame(rootCauseOf(failure).stack) ?? findUserFrame(failure.stack);
}

/**
 * Frames of what calls functions that others have left with the platform: emitters, hooks on promises,
 * streams, consoles, printers of values and of stacks. The trampoline is what Node calls everything
 * through while a hook is enabled, the code of an orchestration, too.
 */
const CALLER_OF_LISTENERS = new RegExp(
  [
    "node:(?:events|diagnostics_channel)",
    "node:internal/(?:event_target|promise_hooks|webstreams|streams|console|util/inspect|errors)",
    "(?<!callbackTrampoline \\()node:internal/async_hooks",
    "ext:\\S*(?:event|streams|console|inspect|diagnostics_channel)", // Deno
    "internal:(?:streams|util/inspect)|at (?:abort|dispatchEvent) \\(unknown\\)", // Bun
  ].join("|"),
);

/** Whether the platform has called what is on top of the stack because code has registered it there. */
export function isInListener(stack: string | undefined): boolean {
  return stack !== undefined && CALLER_OF_LISTENERS.test(stack);
}

/** How far down the stack of a caller is searched. */
const CALLER_FRAMES_MAX = 100;

/** @param message - The first line of the stack */
export function findCaller(boundary: Boundary, message: string): Caller {
  const stack = takeStack(message, { above: boundary, framesMin: CALLER_FRAMES_MAX });
  return { source: findUserFrame(stack), stack };
}

function isOwn(frame: string): boolean {
  return OWN_FILE === undefined ? OWN_CLASS.test(frame) : OWN_FILE.test(frame);
}

function isForeign(frame: string): boolean {
  return frame.includes("node:") || /^native|\(<anonymous>\)$/.test(frame);
}
