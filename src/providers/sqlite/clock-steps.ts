/**
 * A wall clock that is set back while the store is open.
 *
 * Times are stored as times of the wall clock, so everything that waits for a delay would wait longer
 * by what the clock was set back. It is moved instead, once for all processes of the file.
 *
 * I1. Moved is what waits for a delay: relative timers, parked instances, activities between two
 *     attempts. What waits for a time of day follows the wall clock.
 * I2. A step is moved before anything is written by the clock that was set back.
 * I3. Each process sees the step; the first one moves, and notes it for the others.
 * I4. A step forward moves nothing: the machine may have slept, and then the time has passed.
 */

import type { Clock } from "../../foundation/clock.ts";
import type { Connection, SqliteStatement } from "./driver.ts";

/** Clocks are corrected all the time; less than this is no step, in milliseconds. */
const STEP_MS = 2_000;

const MOVE_TIMERS = `
update timers
set fire_ms = fire_ms - ?
where fire_ms > ?
  and is_relative = 1`;

// The messages of a parked instance wait with it; a delayed start waits for its time.
const MOVE_MESSAGES = `
update messages
set visible_ms = visible_ms - ?
where visible_ms > ?
  and instance in (
    select seq
    from instances
    where retry_ms > 0
      and coalesce(start_ms, 0) <= ?
  )`;

const MOVE_PARKED = `
update instances
set retry_ms = retry_ms - ?
where retry_ms > ?
  and coalesce(start_ms, 0) <= ?`;

const MOVE_ACTIVITIES = `
update activities
set visible_ms = visible_ms - ?
where owner is null
  and visible_ms > ?`;

const NOTE = `
insert or replace into clock_steps (at_ms, back_ms)
values (?, ?)`;

const IS_NOTED = `
select 1
from clock_steps
where at_ms between ? and ?
  and abs(back_ms - ?) < ${STEP_MS}
limit 1`;

interface Reading {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export class ClockSteps {
  readonly #clock: Clock;
  readonly #moveTimers: SqliteStatement;
  readonly #moveMessages: SqliteStatement;
  readonly #moveParked: SqliteStatement;
  readonly #moveActivities: SqliteStatement;
  readonly #note: SqliteStatement;
  readonly #isNoted: SqliteStatement;
  #last: Reading;

  constructor(connection: Connection, clock: Clock) {
    this.#clock = clock;
    this.#moveTimers = connection.prepare(MOVE_TIMERS);
    this.#moveMessages = connection.prepare(MOVE_MESSAGES);
    this.#moveParked = connection.prepare(MOVE_PARKED);
    this.#moveActivities = connection.prepare(MOVE_ACTIVITIES);
    this.#note = connection.prepare(NOTE);
    this.#isNoted = connection.prepare(IS_NOTED);
    this.#last = this.#read();
  }

  /**
   * To be called at the beginning of a write transaction.
   *
   * @returns What makes the move lasting, to be called after the commit; undefined when the clock was
   *   not set back
   */
  follow(): (() => void) | undefined {
    const { wallMs, monotonicMs } = this.#read();
    const sinceMs = monotonicMs - this.#last.monotonicMs;
    const backMs = sinceMs - (wallMs - this.#last.wallMs);
    if (wallMs >= this.#last.wallMs || backMs < STEP_MS) {
      this.#last = { wallMs, monotonicMs };
      return undefined;
    }
    const fromMs = wallMs - sinceMs - STEP_MS;
    if (this.#isNoted.get(fromMs, wallMs + STEP_MS, backMs) === undefined) {
      this.#move(wallMs, Math.round(backMs)); // (I3)
    }
    return () => {
      this.#last = { wallMs, monotonicMs };
    };
  }

  #move(wallMs: number, backMs: number): void {
    this.#moveTimers.run(backMs, wallMs);
    this.#moveMessages.run(backMs, wallMs, wallMs);
    this.#moveParked.run(backMs, wallMs, wallMs);
    this.#moveActivities.run(backMs, wallMs);
    this.#note.run(wallMs, backMs);
  }

  #read(): Reading {
    return { wallMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
  }
}
