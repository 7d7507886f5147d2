/** Fake timers that reach the engine, too: it keeps to those that it found at load. */

import { onTestFinished, vi } from "vitest";

import { host } from "../../src/foundation/host.ts";

type Options = NonNullable<Parameters<typeof vi.useFakeTimers>[0]>;

const TIMERS = ["setTimeout", "setInterval", "clearTimeout", "clearInterval"] as const;

/**
 * Replaces the timers of the host until the test ends; they advance through `vi`.
 *
 * @param options - As for `vi.useFakeTimers`
 */
export function useFakeHost(options: Options): void {
  vi.useFakeTimers(options);
  onTestFinished(() => {
    vi.useRealTimers();
  });
  for (const name of TIMERS) {
    if (options.toFake?.includes(name) === false) continue;
    const spy = vi.spyOn(host, name).mockImplementation(globalThis[name]);
    onTestFinished(() => spy.mockRestore());
  }
}
