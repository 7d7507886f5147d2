/** What is seen while the demo runs: two lines that move on a terminal, plain lines elsewhere. */

const BAR_WIDTH = 40;
/** Without a terminal: a line each time so many more orders have ended. */
const PLAIN_STEP = 60;

export interface ProgressFacts {
  readonly accepted: number;
  readonly ended: number;
  readonly total: number;
  /** What the stock monitor says. */
  readonly reservations: number;
  readonly worker: string;
}

export class Progress {
  readonly #startMs = performance.now();
  readonly #isTerminal = process.stdout.isTTY;
  #drawnLines = 0;
  #nextPlain = PLAIN_STEP;

  /** A line that stays. */
  say(text: string): void {
    this.#erase();
    console.log(`${this.#time()}  ${text}`);
  }

  show(facts: ProgressFacts): void {
    const { accepted, ended, total, reservations, worker } = facts;
    if (!this.#isTerminal) {
      if (ended < this.#nextPlain) return;
      this.#nextPlain = ended - (ended % PLAIN_STEP) + PLAIN_STEP;
      this.say(`${ended} of ${total} orders ended`);
      return;
    }
    const inBar = (count: number): number => Math.round((count / total) * BAR_WIDTH);
    const done = "█".repeat(inBar(ended));
    const open = "▒".repeat(inBar(accepted) - inBar(ended));
    this.#erase();
    console.log(
      `${this.#time()}  ${(done + open).padEnd(BAR_WIDTH, "·")}  ${ended} of ${total} orders ended`,
    );
    console.log(
      `         worker: ${worker}   in work: ${accepted - ended}   reservations: ${reservations}`,
    );
    this.#drawnLines = 2;
  }

  /** Removes what moves. */
  finish(): void {
    this.#erase();
  }

  #time(): string {
    return `${((performance.now() - this.#startMs) / 1_000).toFixed(1).padStart(5)} s`;
  }

  #erase(): void {
    if (this.#drawnLines > 0) process.stdout.write(`\u001b[${this.#drawnLines}A\u001b[J`);
    this.#drawnLines = 0;
  }
}
