/**
 * Mistakes that newcomers make. Each entry makes one and gives all that its user gets to see: the
 * message of the error, or what the log and the status say. A comment `// here: <title>` marks the
 * line that is at fault.
 */

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import {
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  Runtime,
  SqliteProvider,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";

import { messageOf, openShop, removeStoreFile, seenBy } from "./shop.ts";

export interface Mistake {
  readonly title: string;
  /** @returns What the user sees */
  readonly make: () => Promise<string>;
  /** Words that name what is wrong. */
  readonly cause: RegExp;
  /** Words that say what to do. */
  readonly remedy: RegExp;
  /** Whether the marked line is named, as `corpus.ts:<line>`. */
  readonly hasLine?: boolean;
}

type Loose = (...args: unknown[]) => unknown;

const greet = defineActivity("Greet", (name: string) => `Hello, ${name}!`);
const approved = defineEvent<boolean>("Approved");
const inbox = defineQueue("Inbox");
const hello = defineOrchestration("Hello", async (ctx, name: string) =>
  ctx.scheduleActivity(greet, name),
);
const other = defineOrchestration("Other", async () => 42);

class CardDeclined extends Error {}

const readBar = defineActivity("ReadBar", (foo: { readonly bar: string } | undefined) => {
  return (foo as { readonly bar: string }).bar; // here: a TypeError in an activity
});
const decline = defineActivity("Decline", () => {
  throw new CardDeclined("no funds");
});
const throwNothing = defineActivity("ThrowNothing", () => {
  throw undefined;
});

let calls = 0;

export const MISTAKES: readonly Mistake[] = [
  {
    title: "waiting for an instance that nobody started",
    make: () => openShop((client) => client.getHandle("nobody").result()),
    cause: /instance "nobody".*does not exist in store ":memory:"/,
    remedy: /check the id, and whether it was started in this store/,
  },
  {
    title: "waiting for an instance whose orchestration no runtime has",
    make: () =>
      openShop(async (client) => {
        const handle = await client.startOrchestration("order-1", "Helo", "x");
        await seenBy(client, "order-1").catch(() => undefined);
        return handle.result({ timeout: 50 });
      }),
    cause: /blocked, not_registered: .*"Helo"/,
    remedy: /did you mean "Hello"|register/,
  },
  {
    title: "waiting for a key that an instance never sets",
    make: () =>
      openShop(async (client) => {
        await (await client.startOrchestration("order-1", hello, "x")).result();
        return client.waitForKvValue("order-1", "total");
      }),
    cause: /key "total" of instance "order-1": the instance has ended as Completed/,
    remedy: /read its status and its output/,
  },
  {
    title: "a TypeError in an activity",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "RunReadBar");
          return handle.result();
        },
        [
          defineOrchestration("RunReadBar", async (ctx) =>
            ctx.scheduleActivity(readBar, undefined),
          ),
        ],
        [readBar],
      ),
    cause:
      /"order-1" failed: activity "ReadBar" \(attempt 1\) failed: Cannot read properties of undefined/,
    remedy: /TypeError: Cannot read/,
    hasLine: true,
  },
  {
    title: "an error class of one's own",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "RunDecline");
          return handle.result();
        },
        [
          defineOrchestration("RunDecline", async (ctx) =>
            ctx.scheduleActivity(decline, undefined),
          ),
        ],
        [decline],
      ),
    cause: /activity "Decline" \(attempt 1\) failed: no funds/,
    remedy: /CardDeclined: no funds/,
  },
  {
    title: "throwing undefined",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "RunThrow");
          return handle.result();
        },
        [
          defineOrchestration("RunThrow", async (ctx) =>
            ctx.scheduleActivity(throwNothing, undefined),
          ),
        ],
        [throwNothing],
      ),
    cause: /activity "ThrowNothing" \(attempt 1\) failed: undefined was thrown/,
    remedy: /which is no Error/,
  },
  {
    title: "a wait that is used again after it has lost a select",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "Remind");
          return handle.result();
        },
        [
          defineOrchestration("Remind", async (ctx) => {
            const wait = ctx.scheduleWait(approved);
            await ctx.select([wait, ctx.scheduleTimer(1)]);
            return ctx.select([wait, ctx.scheduleTimer(1)]); // here: a wait that is used again after it has lost a select
          }),
        ],
      ),
    cause: /"Approved".*(lost|canceled)/,
    remedy: /keep: true/,
    hasLine: true,
  },
  {
    title: "an activity that is returned without an await",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "Forget");
          return handle.result();
        },
        [
          defineOrchestration("Forget", async (ctx) => ({
            text: ctx.scheduleActivity(greet, "x"),
          })),
        ],
      ),
    cause: /at "?text"?.*activity "Greet"|activity "Greet".*text/,
    remedy: /await it/,
  },
  {
    title: "an activity inside of a text without an await",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "Coerce");
          return handle.result();
        },
        [
          defineOrchestration("Coerce", async (ctx) => {
            // eslint-disable-next-line @typescript-eslint/no-base-to-string, @typescript-eslint/restrict-template-expressions -- The mistake.
            return `${ctx.scheduleActivity(greet, "x")}!`; // here: an activity inside of a text without an await
          }),
        ],
      ),
    cause: /activity "Greet"/,
    remedy: /await it/,
    hasLine: true,
  },
  {
    title: "retry on an activity",
    make: () => messageOf(() => (defineActivity as Loose)("A", () => 1, { retry: 3 })),
    cause: /option `retry` of the definition of activity "A": there is no such option/,
    remedy: /loop.*13-how-do-i\.md/,
  },
  {
    title: "concurrency on a runtime",
    make: () =>
      messageOf(async () =>
        (Runtime.start as Loose)({ store: await SqliteProvider.inMemory(), concurrency: 5 }),
      ),
    cause: /option `concurrency` of Runtime\.start: there is no such option/,
    remedy: /use `activityConcurrency`/,
  },
  {
    title: "a time-out on an event wait",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "WaitLong");
          return handle.result();
        },
        [
          defineOrchestration("WaitLong", async (ctx) =>
            // here: a time-out on an event wait
            (ctx.scheduleWait as Loose)(approved, { timeout: "1h" }),
          ),
        ],
      ),
    cause: /option `timeout` of ctx\.scheduleWait/,
    remedy: /ctx\.select/,
  },
  {
    title: "no URL for PostgreSQL",
    make: () => messageOf(() => PostgresProvider.connect(undefined as never)),
    cause: /undefined/,
    remedy: /postgres:\/\//,
  },
  {
    title: "a URL of another kind for PostgreSQL",
    make: () => messageOf(() => PostgresProvider.connect("http://localhost/app")),
    cause: /http:/,
    remedy: /postgres:\/\//,
  },
  {
    title: "a server that is not there",
    make: () => messageOf(() => PostgresProvider.connect("postgres://me:secret@127.0.0.1:1/app")),
    cause: /127\.0\.0\.1:1.*(refused|ECONNREFUSED)|ECONNREFUSED.*127\.0\.0\.1:1/,
    remedy: /start|check|running/,
  },
  {
    title: "a connection string for SQLite",
    make: () => messageOf(() => SqliteProvider.open("sqlite::memory:")),
    cause: /sqlite::memory:/,
    remedy: /SqliteProvider\.inMemory|:memory:/,
  },
  {
    title: "a database file that was deleted while it was open",
    make: removeStoreFile,
    cause: /removed or replaced while the store was open/,
    remedy: /restore a backup|put its files back/,
  },
  {
    title: "scheduling without end",
    make: () =>
      openShop(
        async (client) => {
          await client.startOrchestration("order-1", "Flood");
          return seenBy(client, "order-1");
        },
        [
          defineOrchestration("Flood", async (ctx) => {
            for (;;) void ctx.scheduleActivity(greet, "x"); // here: scheduling without end
          }),
        ],
      ),
    cause: /100.?000|without end|turn_stalled/,
    remedy: /await|end|loop/,
    hasLine: true,
  },
  {
    title: "code that changes from run to run",
    make: () =>
      openShop(
        async (client) => {
          await client.startOrchestration("order-1", "Moody");
          return seenBy(client, "order-1");
        },
        [
          defineOrchestration("Moody", async (ctx) => {
            calls += 1;
            await ctx.scheduleActivity(greet, `caller ${calls}`); // here: code that changes from run to run
            await ctx.scheduleTimer(20);
            await ctx.scheduleTimer(20);
            return "end";
          }),
        ],
      ),
    cause: /history has .*"caller 1", but the code did .*"caller \d"/,
    remedy: /a variable outside of the function/,
    hasLine: true,
  },
  {
    title: "an id that another orchestration has, ignored",
    make: () =>
      openShop(
        async (client) => {
          await (await client.startOrchestration("order-1", other)).result();
          return client.startOrchestration("order-1", hello, "x", { idReuse: "ignore" });
        },
        [other],
      ),
    cause: /"order-1".*"Other"/,
    remedy: /choose another id/,
  },
  {
    title: "awaiting a file in an orchestration",
    make: () =>
      openShop(
        async (client) => {
          await client.startOrchestration("order-1", "ReadIt");
          return seenBy(client, "order-1");
        },
        [
          defineOrchestration("ReadIt", async () => {
            return readFile("package.json", "utf8"); // here: awaiting a file in an orchestration
          }),
        ],
      ),
    cause: /foreign_await|is not durable|nothing durable/,
    remedy: /in activities/,
  },
  {
    title: "a bare function as activity",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "Bare");
          return handle.result();
        },
        [
          defineOrchestration("Bare", async (ctx) =>
            (ctx.scheduleActivity as Loose)(function foo() {
              return 1;
            }),
          ),
        ],
      ),
    cause: /function/,
    remedy: /defineActivity/,
  },
  {
    title: "an orchestration as activity",
    make: () =>
      openShop(
        async (client) => {
          const handle = await client.startOrchestration("order-1", "Mixed");
          return handle.result();
        },
        [defineOrchestration("Mixed", async (ctx) => (ctx.scheduleActivity as Loose)(hello, "x"))],
      ),
    cause: /orchestration/,
    remedy: /scheduleSubOrchestration|defineActivity/,
  },
  {
    title: "a queue as event",
    make: () =>
      openShop((client) => (client.raiseEvent.bind(client) as Loose)("order-1", inbox, 1)),
    cause: /definition of queue "Inbox" as event/,
    remedy: /enqueueEvent/,
  },
  {
    title: "the time of the machine in an orchestration",
    make: () =>
      openShop(
        async (client) => {
          await client.startOrchestration("order-1", "Now");
          return seenBy(client, "order-1");
        },
        [
          defineOrchestration("Now", async (ctx) => {
            const now = Date.now(); // here: the time of the machine in an orchestration
            await ctx.scheduleTimer(now);
          }),
        ],
      ),
    cause: /Date\.now\(\)/,
    remedy: /ctx\.utcNow/,
    hasLine: true,
  },
  {
    title: "setTimeout in an orchestration",
    make: () =>
      openShop(
        async (client) => {
          await client.startOrchestration("order-1", "Sleep");
          return seenBy(client, "order-1");
        },
        [
          defineOrchestration("Sleep", async () => {
            await new Promise((resolve) => setTimeout(resolve, 10)); // here: setTimeout in an orchestration
          }),
        ],
      ),
    cause: /setTimeout/,
    remedy: /ctx\.scheduleTimer/,
    hasLine: true,
  },
  {
    title: "a time of day where a delay is meant",
    make: () =>
      openShop((client) =>
        client.startOrchestration("order-1", hello, "x", { startAfter: 1_800_000_005_000 }),
      ),
    cause: /startAfter/,
    remedy: /new Date\(/,
  },
  {
    title: "a duration that is none",
    make: () => openShop((client) => client.getHandle("x").result({ timeout: "soon" as never })),
    cause: /`timeout`.*soon|soon.*`timeout`/,
    remedy: /"5s"|5s|such as/,
  },
  {
    title: "a value that is no JSON",
    make: () =>
      openShop((client) =>
        (client.startOrchestration.bind(client) as Loose)("order-1", hello, { cart: new Map() }),
      ),
    cause: /cart.*Map|Map.*cart/,
    remedy: /Object\.fromEntries|plain|array|object/,
  },
  {
    title: "two definitions of one name",
    make: () =>
      messageOf(async () =>
        Runtime.start({
          store: await SqliteProvider.inMemory(),
          activities: [greet, defineActivity("Greet", () => "twice")],
        }),
      ),
    cause: /"Greet"/,
    remedy: /rename|name|once/,
  },
  {
    title: "an activity that no runtime has",
    make: () =>
      openShop(
        async (client, lines) => {
          await client.startOrchestration("order-1", "Typo");
          while (lines.length === 0) await sleep(5);
        },
        [defineOrchestration("Typo", async (ctx) => ctx.scheduleActivity("Gret", "x"))],
      ),
    cause: /"Gret"/,
    remedy: /did you mean "Greet"|register/,
  },
];
