/** The known word that was probably meant. */

/** Longest word that is compared, in UTF-16 units: the work grows with the square. */
const LENGTH_MAX = 100;

/**
 * The nearest of the known words, if it differs by few letters: at most a third of the word, three, and never all of them.
 *
 * @returns Undefined when none is near
 */
export function nearestOf(word: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let best = Math.min(3, Math.ceil(word.length / 3), word.length - 1) + 1;
  for (const candidate of known) {
    if (candidate.length > LENGTH_MAX || word.length > LENGTH_MAX) continue;
    const distance = distanceOf(word.toLowerCase(), candidate.toLowerCase());
    if (distance >= best) continue;
    [nearest, best] = [candidate, distance];
  }
  return nearest;
}

/** Letters to insert, delete or replace (Levenshtein). */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
