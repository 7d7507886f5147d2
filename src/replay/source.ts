/** Finds the line of user code in a stack. */

const OWN_FOLDER = new URL("..", import.meta.url).href;
const OWN_PATH = new URL("..", import.meta.url).pathname;

/** The first frame that is neither ours nor Node's, such as `approve (/app/approval.ts:12:5)`. */
export function findUserFrame(stack: string | undefined): string | undefined {
  for (const line of stack?.split("\n").slice(1) ?? []) {
    const frame = line.trim().replace(/^at (async )?/, "");
    const isOurs =
      (frame.includes(OWN_FOLDER) || frame.includes(OWN_PATH)) && !frame.includes(".test.");
    const isForeign = frame.includes("node:") || /^native|\(<anonymous>\)$/.test(frame);
    if (!isOurs && !isForeign && frame !== "") return frame;
  }
  return undefined;
}
