/** The warning about an event that no wait took. */

/** Most waits that the warning names. */
export const WAITS_NAMED_MAX = 10;

/** @param waits - Names of the waits that are open */
export function untakenEvent(instanceId: string, name: string, waits: readonly string[]): string {
  const named = waits.map((wait) => JSON.stringify(wait)).join(", ");
  return (
    `Cannot deliver event "${name}" to "${instanceId}": no wait for it is open` +
    ` (${named === "" ? "none is at all" : `open: ${named}`}); ` +
    "wait before it is raised, keep the wait of a lost ctx.select() with { keep: true }, or use a queue"
  );
}
