/**
 * Gives free turns to residents with work and to waiting starts.
 *
 * L1. At most `turnsMax` turns are under way.
 * L2. Each of the two lines is first come, first served.
 * L3. Residents go before starts, because what goes on leaves memory sooner; but however many of them
 *     always have something to do, every eighth turn is for a start while one waits.
 * L4. A round is over when each instance that was in line when it began has had a turn. The store is
 *     queried once per round: never for work already in line, and however long the line stays.
 */

import { Fifo } from "../foundation/fifo.ts";

const TURNS_PER_START = 8;

export interface TurnLineParts<Ready, Start> {
  readonly turnsMax: number;
  readonly beginTurn: (resident: Ready) => void;
  readonly beginStart: (start: Start) => void;
}

export class TurnLine<Ready, Start> {
  readonly #parts: TurnLineParts<Ready, Start>;
  readonly #ready = new Fifo<Ready>();
  readonly #starts = new Fifo<Start>();
  #underWay = 0;
  /** Turns so far that bring a round nearer to its end. */
  #turnsBegun = 0;
  #roundEnd = 0;
  #turnsSinceStart = 0;

  constructor(parts: TurnLineParts<Ready, Start>) {
    this.#parts = parts;
  }

  /** No instance has a turn or waits for one. */
  get isEmpty(): boolean {
    return this.#underWay === 0 && this.#ready.size === 0 && this.#starts.size === 0;
  }

  /** How many more residents may have a turn at once; below zero, so many wait for one. */
  get room(): number {
    return this.#parts.turnsMax - this.activeCount;
  }

  /** How many have a turn, or wait for one although they are in memory already. */
  get activeCount(): number {
    return this.#underWay + this.#ready.size;
  }

  /** (L4) */
  get isRoundOver(): boolean {
    return this.#turnsBegun >= this.#roundEnd;
  }

  beginRound(): void {
    this.#roundEnd = this.#turnsBegun + this.#ready.size + 1;
  }

  /** {@link fill} follows. */
  add(resident: Ready): void {
    this.#ready.push(resident);
  }

  /** {@link fill} follows. */
  addStart(start: Start): void {
    this.#starts.push(start);
  }

  /** Takes out all starts that wait. */
  drainStarts(): Start[] {
    return this.#starts.drain();
  }

  /** Begins turns as long as some are free and an instance waits. (L1, L3) */
  fill(): void {
    let isBegun = true;
    while (isBegun && this.#underWay < this.#parts.turnsMax) {
      isBegun =
        this.#turnsSinceStart >= TURNS_PER_START
          ? this.#beginStart() || this.#beginTurn()
          : this.#beginTurn() || this.#beginStart();
    }
  }

  /** A turn or a start is over; {@link fill} follows. */
  end(): void {
    this.#underWay -= 1;
  }

  #beginTurn(): boolean {
    const resident = this.#ready.shift();
    if (resident === undefined) return false;
    this.#underWay += 1;
    this.#turnsBegun += 1;
    this.#turnsSinceStart += 1;
    this.#parts.beginTurn(resident);
    return true;
  }

  #beginStart(): boolean {
    const start = this.#starts.shift();
    if (start === undefined) return false;
    this.#underWay += 1;
    this.#turnsSinceStart = 0;
    if (this.#ready.size === 0) this.#turnsBegun += 1; // The line is empty.
    this.#parts.beginStart(start);
    return true;
  }
}
