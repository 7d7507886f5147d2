import { getEventListeners } from "node:events";
import { expect, test } from "vitest";

import { onAbort } from "./on-abort.ts";

test("F33 many who wait on one signal are one listener, and each is called once", () => {
  const controller = new AbortController();
  const called: number[] = [];
  const stops = Array.from({ length: 50 }, (_, i) =>
    onAbort(controller.signal, () => called.push(i)),
  );
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
  stops[7]?.();
  controller.abort();
  controller.abort();
  expect(called).toEqual(stops.map((_, i) => i).filter((i) => i !== 7));
});

test("F33 no listener is left when nobody waits any more", () => {
  const { signal } = new AbortController();
  const stops = [onAbort(signal, () => undefined), onAbort(signal, () => undefined)];
  for (const stop of [...stops, ...stops]) stop();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  onAbort(signal, () => undefined)();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
