/**
 * Keeps the host from rejections that orchestration code does not await: a helper started early or
 * a losing branch must not end the process.
 *
 * Boundary: Node reports rejections through `process.emit`, in the context of the promise and before
 * the next macrotask; Deno through events of the global scope, in the same context. Bun does neither; see
 * the guide, chapter 4.
 *
 * I1. A rejection of the host reaches the host, also when it happens while a window is open.
 * I2. With `--unhandled-rejections=strict` Node first reports an uncaught exception, and only then the
 *     promise: the exception is held until the promise says whose it is.
 * I3. A guard that throws where no promise takes it, such as in a microtask, does not end the process:
 *     it has condemned the turn already.
 */

import { isDuroxideError } from "../foundation/errors.ts";
import { host } from "../foundation/host.ts";

type Emit = (...args: unknown[]) => boolean;

const WARNINGS: readonly unknown[] = [
  "UnhandledPromiseRejectionWarning",
  "PromiseRejectionHandledWarning",
];

export interface RejectionOwner {
  /** Whether the code in whose context this is called is orchestration code. */
  readonly isOurs: () => boolean;
  /** Whether a window is open. */
  readonly isWindowOpen: () => boolean;
}

/** Intercepts from now on. To be called once per thread. */
export function interceptRejections({ isOurs, isWindowOpen }: RejectionOwner): void {
  const emit = process.emit.bind(process) as Emit;
  const kept = new WeakSet();
  let held: unknown[] | undefined;

  const onRejection = (args: unknown[]): boolean => {
    const exception = held;
    held = undefined;
    if (isOurs()) {
      kept.add(args[2] as object);
      return true;
    }
    if (exception !== undefined) giveBack(emit, exception); // (I1)
    return emit(...args);
  };

  const intercepting: Emit = (...args) => {
    const [event, subject, origin] = args;
    switch (event) {
      case "unhandledRejection":
        return onRejection(args);
      case "rejectionHandled":
        return kept.has(subject as object) || emit(...args);
      case "warning":
        return (isOurs() && WARNINGS.includes((subject as Error).name)) || emit(...args);
      case "uncaughtExceptionMonitor":
      case "uncaughtException":
        if (isGuardViolation(subject)) return true; // (I3)
        if (origin !== "unhandledRejection" || !isWindowOpen()) return emit(...args);
        held = args; // (I2)
        return true;
      default:
        return emit(...args);
    }
  };
  process.emit = intercepting as typeof process.emit;
  interceptEvents(isOurs);
}

/** An event of the global scope, as browsers and Deno have it. */
interface ScopeEvent {
  /** Of an `error` event. */
  readonly error?: unknown;
  preventDefault(): void;
  stopImmediatePropagation(): void;
}

interface EventScope {
  addEventListener?(name: string, listener: (event: ScopeEvent) => void): void;
}

/** Deno ends the process unless the default of these events is prevented; Node has none of them. */
function interceptEvents(isOurs: RejectionOwner["isOurs"]): void {
  const scope = globalThis as EventScope;
  const keep = (event: ScopeEvent): void => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  scope.addEventListener?.("unhandledrejection", (event) => {
    if (isOurs()) keep(event); // (I1)
  });
  scope.addEventListener?.("error", (event) => {
    if (isGuardViolation(event.error)) keep(event); // (I3)
  });
}

function isGuardViolation(error: unknown): boolean {
  return isDuroxideError(error) && error.code === "guard_violation";
}

/** What Node would have done with an uncaught exception. */
function giveBack(emit: Emit, [, error, origin]: unknown[]): void {
  emit("uncaughtExceptionMonitor", error, origin);
  if (emit("uncaughtException", error, origin)) return;
  host.queueMicrotask(() => {
    throw error; // No listener: it ends the process, as it would have.
  });
}
