// Pattern 9, eternal instance: each round is an execution of its own, so history never grows.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

// "1m" in production.
const CHECK_EVERY = "20ms";

interface MonitorState {
  readonly checks: number;
  readonly alarms: number;
}

const checkSystem = defineActivity("CheckSystem", (check: number) => {
  const load = [0.2, 0.9, 0.4][check] ?? 0;
  console.log(`check ${check + 1}: load ${load}`);
  return { load };
});

const monitor = defineOrchestration("Monitor", async (ctx, state: MonitorState) => {
  const { load } = await ctx.scheduleActivity(checkSystem, state.checks);
  const next = { checks: state.checks + 1, alarms: state.alarms + (load > 0.8 ? 1 : 0) };

  // A real monitor would never return; this one stops so that the example ends.
  if (next.checks === 3) return { ...next, executionId: ctx.executionId };

  await ctx.scheduleTimer(CHECK_EVERY);
  // Ends this execution: nothing after it would run, so it is always returned.
  return ctx.continueAsNew(next);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [checkSystem],
  orchestrations: [monitor],
});
const client = new Client(store);

const handle = await client.startOrchestration("monitor", monitor, { checks: 0, alarms: 0 });
const { alarms, executionId } = await handle.result({ timeout: "10s" });
console.log(`alarms: ${alarms}, executions: ${executionId}`);

const history = await client.readExecutionHistory("monitor", executionId);
console.log(`events of the last execution: ${history.length}`);

await runtime.shutdown();
await store.close();
