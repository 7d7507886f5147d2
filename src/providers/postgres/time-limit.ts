import { Timer } from "../../foundation/timer.ts";

/**
 * Waits for an answer, but not longer than `limitMs`.
 *
 * @param onLate - Makes the error; what becomes of the answer after that is its business
 */
export async function withinLimit<T>(
  limitMs: number,
  answer: Promise<T>,
  onLate: () => Error,
): Promise<T> {
  answer.catch(() => undefined); // No caller waits for an answer that is too late.
  return new Promise<T>((resolve, reject) => {
    const timer = new Timer(limitMs, () => {
      reject(onLate());
    });
    answer.then(resolve, reject).finally(() => {
      timer.stop();
    });
  });
}

/** Returns when `work` has ended, however, or after `limitMs`. */
export async function settledWithin(limitMs: number, work: Promise<unknown>): Promise<void> {
  await withinLimit(limitMs, work, () => new Error("late")).catch(() => undefined);
}
