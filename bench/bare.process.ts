/** A process that does nothing but wake up every other second: what the host charges for that alone. */

import { measureIdle } from "./measure.ts";

const WAKE_MS = 2_000;

setInterval(() => undefined, WAKE_MS);
process.on("message", (request: { readonly isEnd?: boolean; readonly idleMs?: number }) => {
  if (request.isEnd === true) process.exit();
  void measureIdle(request.idleMs ?? 0).then((idle) => process.send?.(idle));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
