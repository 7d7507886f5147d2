/**
 * A process that kills itself in the middle of a transactional activity. Arguments: kind of store,
 * place of the store, moment.
 *
 * The moment is `statement` (the user's rows are written), `completion` (the completion is, too),
 * `commit` (all is durable, and no turn has seen it) or `none`.
 */

import { Runtime, silentLogger } from "duroxide-ts";

import { storeKind } from "../support/transaction-stores.ts";
import { chain, createBook } from "./transactions.ts";

const [kind = "", place = "", moment = "none"] = process.argv.slice(2);

async function dieAt(here: string): Promise<void> {
  if (moment !== here) return;
  process.kill(process.pid, "SIGKILL");
  await new Promise(() => setInterval(() => undefined, 1_000));
}

const store = await storeKind(kind).open(place);
const { transactions } = store;
if (transactions === undefined) throw new Error("This store has no transactions");
Object.defineProperty(store, "transactions", {
  value: {
    run: async <T>(work: Parameters<typeof transactions.run<T>>[0]) => {
      const result = await transactions.run(work);
      await dieAt("commit");
      return result;
    },
    write: async (...args: Parameters<typeof transactions.write>) => {
      const outcomes = await transactions.write(...args);
      await dieAt("completion");
      return outcomes;
    },
  },
});

const runtime = await Runtime.start({
  store,
  activities: [createBook(() => dieAt("statement"))],
  orchestrations: [chain],
  lease: "400ms",
  logger: silentLogger,
});
process.send?.("ready");
process.on("message", () => {
  void runtime
    .shutdown({ timeout: "5s" })
    .then(() => store.close())
    .then(() => process.exit(0));
});
