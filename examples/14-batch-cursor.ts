// Pattern 14, batches behind a cursor: one execution per page, continue-as-new in between.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

interface Page {
  readonly items: readonly string[];
  readonly nextCursor: string | null;
}

interface Progress {
  readonly cursor: string;
  readonly processed: number;
}

const pages: Readonly<Record<string, Page>> = {
  start: { items: ["a", "b", "c"], nextCursor: "middle" },
  middle: { items: ["d", "broken"], nextCursor: "end" },
  end: { items: ["e"], nextCursor: null },
};

const fetchPage = defineActivity("FetchBatch", (cursor: string): Page => {
  const page = pages[cursor];
  if (page === undefined) throw new Error(`no page at ${cursor}`);
  return page;
});

const processItem = defineActivity("ProcessItem", (item: string) => {
  if (item === "broken") throw new Error("cannot be read");
});

const processPages = defineOrchestration("ProcessPages", async (ctx, progress: Progress) => {
  const page = await ctx.scheduleActivity(fetchPage, progress.cursor);
  const outcomes = await ctx.join(
    page.items.map((item) => ctx.scheduleActivity(processItem, item)),
  );
  const succeeded = outcomes.filter((outcome) => outcome.status === "fulfilled").length;
  ctx.traceInfo("Page processed", { succeeded, of: page.items.length });

  const processed = progress.processed + succeeded;
  if (page.nextCursor !== null) return ctx.continueAsNew({ cursor: page.nextCursor, processed });
  return { processed, executions: ctx.executionId };
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [fetchPage, processItem],
  orchestrations: [processPages],
});
const client = new Client(store);

const handle = await client.startOrchestration("import", processPages, {
  cursor: "start",
  processed: 0,
});
const { processed, executions } = await handle.result({ timeout: "10s" });
console.log(`${processed} items processed in ${executions} executions`);

await runtime.shutdown();
await store.close();
