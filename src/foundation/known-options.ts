/**
 * The names of options. An option that does not exist would be ignored in silence, and its user would
 * rely on it: so each function that takes options refuses names that it does not know.
 */

import { UsageError } from "./errors.ts";
import { nearestOf } from "./nearest.ts";

/** Every name of an options type, so that the compiler finds one that is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

const TODO = "docs/guide/13-how-do-i.md says what to do instead";

/** Names of options in other systems, in lower case. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    retry: `an orchestration repeats an activity in a loop; ${TODO}`,
    retries: `an orchestration repeats an activity in a loop; ${TODO}`,
    retrypolicy: `an orchestration repeats an activity in a loop; ${TODO}`,
    backoff: `an orchestration repeats an activity in a loop; ${TODO}`,
    attempts: `an orchestration repeats an activity in a loop; ${TODO}`,
    maxattempts:
      "`poisonAfterCrashes` limits the crashes of a process, and an orchestration repeats what fails in a loop",
    maxretries: `an orchestration repeats an activity in a loop; ${TODO}`,
    retrydelaymin: "use `parkedRetryMin`",
    retrydelaymax: "use `parkedRetryMax`",
    timeout: `an orchestration races what it waits for against a timer with \`ctx.select\`; ${TODO}`,
    starttoclosetimeout: `an orchestration races what it waits for against a timer with \`ctx.select\`; ${TODO}`,
    concurrency: "use `activityConcurrency` or `orchestrationConcurrency` of the runtime",
    workers: "use `activityConcurrency` or `orchestrationConcurrency` of the runtime",
    maxconcurrency: "use `activityConcurrency` or `orchestrationConcurrency` of the runtime",
    maxconcurrentactivities: "use `activityConcurrency` of the runtime",
    ratelimit: TODO,
    throttle: TODO,
    debounce: TODO,
    priority: TODO,
    cron: TODO,
    schedule: TODO,
    delay: "use `startAfter` of `startOrchestration`, or `ctx.scheduleTimer`",
    workflowid: "the id is the first argument of `startOrchestration`",
    id: "the id is an argument of its own; for a child it is the option `instanceId`",
    idempotencykey: "the instance id is the key: starts with one id and `idReuse` start once",
    taskqueue: TODO,
    queue: TODO,
    url: "the address is the first argument of `PostgresProvider.connect`",
    connectionstring: "the address is the first argument of `PostgresProvider.connect`",
    path: "the file is the first argument of `SqliteProvider.open`",
    provider: "use `store`",
    workflows: "use `orchestrations`",
    tasks: "use `activities`",
    steps: "use `activities`",
  }),
);

/** Longest name that a message repeats, in UTF-16 units. */
const SHOWN_LENGTH_MAX = 60;

/**
 * @param subject - What takes the options, such as `Runtime.start`
 * @param code - Of the error
 * @throws UsageError unless `options` is an object that names known options only;
 *   an option that is `undefined` counts as left out
 */
export function assertKnownOptions(
  options: unknown,
  known: Readonly<Record<string, true>>,
  subject: string,
  code: "invalid_argument" | "invalid_definition" = "invalid_argument",
): void {
  if (typeof options !== "object" || options === null) {
    throw new UsageError(
      code,
      `Cannot use a value of type ${options === null ? "null" : typeof options} as options of ${subject}: it is not an object; pass an object or leave it out`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (Object.hasOwn(known, name) || value === undefined) continue;
    throw new UsageError(code, describeUnknown(name, known, subject), {
      details: { option: name, nearest: nearestOf(name, Object.keys(known)) },
    });
  }
}

function describeUnknown(
  name: string,
  known: Readonly<Record<string, true>>,
  subject: string,
): string {
  const names = Object.keys(known);
  const elsewhere = ELSEWHERE.get(name.toLowerCase());
  const nearest = nearestOf(name, names);
  const list = names.length === 0 ? "it takes none" : `its options are ${names.join(", ")}`;
  const advice = elsewhere ?? (nearest === undefined ? list : `did you mean \`${nearest}\`?`);
  return `Cannot use the option \`${name.slice(0, SHOWN_LENGTH_MAX)}\` of ${subject}: there is no such option; ${advice}`;
}
