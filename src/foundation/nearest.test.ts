import { expect, test } from "vitest";

import { nearestOf } from "./nearest.ts";

test.each([
  ["Gret", ["Greet", "Charge"], "Greet"],
  ["charge", ["Greet", "Charge"], "Charge"],
  ["ProcesOrders", ["ProcessOrder", "Other"], "ProcessOrder"],
  ["Xyz", ["Greet", "Charge"], undefined],
  ["A", [], undefined],
  ["V", ["Z"], undefined],
  ["v", ["V"], "V"],
  ["x".repeat(5_000), ["x".repeat(5_001)], undefined],
])("F45 nearestOf(%j, %j) is %j", (word, known, near) => {
  expect(nearestOf(word, known)).toBe(near);
});
