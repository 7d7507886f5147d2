import { expect, test } from "vitest";

import { Parking } from "./parking.ts";

test("R16 the delay doubles up to its bound, for ever, and begins anew after success", () => {
  const parking = new Parking({ parkedRetryMinMs: 1_000, parkedRetryMaxMs: 60_000 });
  const delays = Array.from({ length: 8 }, () => parking.nextDelayMs("a"));
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  for (let i = 0; i < 5_000; i += 1) expect(parking.nextDelayMs("a")).toBe(60_000);
  expect(parking.nextDelayMs("b")).toBe(1_000);
  parking.forget("a");
  expect(parking.nextDelayMs("a")).toBe(1_000);
});
