import { expect, test } from "vitest";

import { TurnLine } from "./turn-line.ts";

function open(turnsMax: number) {
  const begun: string[] = [];
  const line = new TurnLine<string, string>({
    turnsMax,
    beginTurn: (resident) => begun.push(resident),
    beginStart: (start) => begun.push(`start ${start}`),
  });
  /** Lets the oldest turn end. */
  const step = (): void => {
    line.end();
    line.fill();
  };
  return { line, begun, step };
}

test("begins no more turns than allowed, residents first, each line in its order", () => {
  const { line, begun, step } = open(2);
  line.addStart("x");
  line.addStart("y");
  for (const resident of ["a", "b", "c"]) line.add(resident);
  line.fill();
  expect(begun).toEqual(["a", "b"]);
  expect(line.room).toBe(-1);
  for (let i = 0; i < 3; i += 1) step();
  expect(begun).toEqual(["a", "b", "c", "start x", "start y"]);
  expect(line.isEmpty).toBe(false);
  line.end();
  line.end();
  expect(line.isEmpty).toBe(true);
  expect(line.room).toBe(2);
});

test("a start gets every eighth turn while there are always residents in line", () => {
  const { line, begun, step } = open(1);
  line.addStart("x");
  line.addStart("y");
  line.add("r");
  line.fill();
  for (let i = 0; i < 20; i += 1) {
    line.add("r");
    step();
  }
  const positions = begun.flatMap((it, i) => (it === "r" ? [] : [[it, i]]));
  expect(positions).toEqual([
    ["start x", 8],
    ["start y", 17],
  ]);
});

test("a round is over when everybody who was in line has had a turn", () => {
  const { line, step } = open(1);
  expect(line.isRoundOver).toBe(true);
  for (const resident of ["a", "b", "c"]) line.add(resident);
  line.fill();
  line.beginRound(); // "b" and "c" wait.
  line.add("late");
  const overAfter = [line.isRoundOver];
  for (let i = 0; i < 3; i += 1) {
    step();
    overAfter.push(line.isRoundOver);
  }
  expect(overAfter).toEqual([false, false, false, true]);
});

test("a round ends with a start, too, when no resident is in line", () => {
  const { line, step } = open(1);
  for (const start of ["x", "y", "z"]) line.addStart(start);
  line.fill();
  line.beginRound();
  expect(line.isRoundOver).toBe(false);
  line.add("r");
  step();
  expect(line.isRoundOver).toBe(true);
  line.beginRound();
  step();
  expect(line.isRoundOver).toBe(true);
});

test("hands over the starts that wait, and forgets them", () => {
  const { line, begun } = open(1);
  line.addStart("x");
  expect(line.drainStarts()).toEqual(["x"]);
  line.fill();
  expect(begun).toEqual([]);
});
