/**
 * Callbacks for the end of a signal. However many wait on one signal, it gets one listener: Node takes
 * more than ten for a leak and prints a warning.
 */

interface Waiters {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const waitersOf = new WeakMap<AbortSignal, Waiters>();

/**
 * Calls back once when the signal is aborted; never when that has happened before.
 *
 * @returns Takes the callback back
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const waiters = waitersOf.get(signal) ?? listenTo(signal);
  const entry = (): void => callback(); // The same function may wait twice.
  waiters.callbacks.add(entry);
  return () => {
    if (!waiters.callbacks.delete(entry) || waiters.callbacks.size > 0) return;
    signal.removeEventListener("abort", waiters.listener);
    if (waitersOf.get(signal) === waiters) waitersOf.delete(signal);
  };
}

function listenTo(signal: AbortSignal): Waiters {
  const callbacks = new Set<() => void>();
  const listener = (): void => {
    waitersOf.delete(signal);
    const called = [...callbacks];
    callbacks.clear();
    for (const callback of called) callback();
  };
  const waiters = { callbacks, listener };
  waitersOf.set(signal, waiters);
  signal.addEventListener("abort", listener, { once: true });
  return waiters;
}
