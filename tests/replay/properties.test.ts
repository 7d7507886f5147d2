/** Laws that hold for every program and every order of messages. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createSeededRandom } from "../../src/foundation/random.ts";
import { isTerminal, type RecordedEvent } from "../../src/history/event.ts";
import { cancelled, replay, runOneTurn, createExecution, Story, tell } from "../support/story.ts";
import { step, toOrchestration, World } from "../support/programs.ts";

const RUNS = { numRuns: 1_000, seed: 20_240_611 };
const TURNS_MAX = 40;

const program = fc.array(step, { minLength: 1, maxLength: 6 });

function worldOf(seed: string): World {
  const random = createSeededRandom(seed);
  return new World((max) => Math.floor(random.nextDouble() * max));
}

async function live(story: Story, world: World, turnsMax = TURNS_MAX): Promise<RecordedEvent[]> {
  let turn = await story.start();
  for (let i = 0; i < turnsMax && turn.outcome.kind === "running"; i += 1) {
    world.see(turn.events);
    story.nowMs += world.clockStepMs();
    turn = await story.turn(...world.batch());
  }
  return story.history;
}

/** What must hold of any history (I1 to I3 of event.ts, G4). */
function expectSound(history: readonly RecordedEvent[]): void {
  expect(history[0]?.kind).toBe("OrchestrationStarted");
  history.forEach((event, i) => {
    expect(event.eventId).toBe(i + 1);
    expect(isTerminal(event)).toBe(isTerminal(event) && i === history.length - 1);
    expect(event.timestampMs).toBeGreaterThanOrEqual(history[i - 1]?.timestampMs ?? 0);
  });
  const outcomes = history.filter(
    (e) => /Completed$|Failed$|Fired$/.test(e.kind) && "sourceEventId" in e,
  );
  const sources = outcomes.map((event) => (event as { sourceEventId: number }).sourceEventId);
  expect(new Set(sources).size).toBe(sources.length);
}

/** Thousands of histories: under load they take their time. */
const SLOW = { timeout: 180_000 };

describe("every program, in every order of messages", SLOW, () => {
  test("decides the same resident and replayed, and records a sound history (S049, G4)", async () => {
    await fc.assert(
      // The comparison of both ways is in `Story.turn`.
      fc.asyncProperty(program, fc.string(), fc.boolean(), async (steps, seed, isContinuing) => {
        const story = new Story(toOrchestration(steps, isContinuing));
        expectSound(await live(story, worldOf(seed)));
      }),
      RUNS,
    );
  });

  test("can be cancelled at any turn: the request wins, and nothing stays open", async () => {
    await fc.assert(
      fc.asyncProperty(program, fc.string(), fc.nat(4), async (steps, seed, turns) => {
        const story = new Story(toOrchestration(steps));
        const world = worldOf(seed);
        const history = await live(story, world, turns);
        if (history.some(isTerminal)) return;
        const last = await story.turn(...world.batch(), cancelled("stop"), ...world.batch());
        expect(last.outcome).toMatchObject({ kind: "canceled", failure: { message: "stop" } });
        expect(last.activities).toEqual([]);
        expect(last.timers).toEqual([]);
        expectSound(story.history);
      }),
      { ...RUNS, numRuns: 200 },
    );
  });

  test("replays a prefix of its own history to the same continuation", async () => {
    await fc.assert(
      fc.asyncProperty(program, fc.string(), async (steps, seed) => {
        const code = toOrchestration(steps);
        const story = new Story(code, { isHotOnly: true });
        const history = await live(story, worldOf(seed), 10);
        // Cutting at a turn leaves what a crash before the next commit leaves.
        const times = [...new Set(history.map(({ timestampMs }) => timestampMs))];
        for (const time of times) {
          const prefix = history.filter(({ timestampMs }) => timestampMs <= time);
          const result = await replay(code, prefix);
          expect(result.kind === "concluded" ? tell(result.events) : result.divergence).toBe("");
        }
      }),
      { ...RUNS, numRuns: 100 },
    );
  });

  test("notices when one of its recorded schedules is of another name (G6)", async () => {
    await fc.assert(
      fc.asyncProperty(program, fc.string(), fc.nat(), async (steps, seed, pick) => {
        const code = toOrchestration(steps);
        const history = [...(await live(new Story(code, { isHotOnly: true }), worldOf(seed), 6))];
        const schedules = history.filter((event) => /Scheduled$|Subscribed$/.test(event.kind));
        const target = schedules[pick % schedules.length];
        if (target === undefined) return;
        history[history.indexOf(target)] = { ...target, name: "another" } as RecordedEvent;
        const result = await runOneTurn(createExecution(code), { history, messages: [], nowMs: 0 });
        expect(result).toMatchObject({
          kind: "diverged",
          divergence: { code: "nondeterminism", eventId: target.eventId },
        });
      }),
      { ...RUNS, numRuns: 200 },
    );
  });
});
