/** F30: stores that lose one field each on its way out. */

import type { ReferenceStore } from "../../src/conformance/index.ts";
import type { ParentLink } from "../../src/history/event.ts";
import type { Failure } from "../../src/history/failure.ts";
import type {
  BlockedReason,
  ClaimedActivity,
  ExecutionRow,
  HistoryRow,
  InstanceRow,
  Provider,
} from "../../src/provider/provider.ts";

type Fields<T> = Readonly<Record<keyof T, true>>;

const FAILURE: Fields<Failure> = {
  category: true,
  code: true,
  name: true,
  message: true,
  stack: true,
  userCode: true,
  data: true,
  cause: true,
  errors: true,
  isTerminated: true,
  isNonRetryable: true,
};
const BLOCKED: Fields<BlockedReason> = {
  code: true,
  message: true,
  sinceMs: true,
  eventId: true,
  expected: true,
  actual: true,
  source: true,
};
const PARENT: Fields<ParentLink> = {
  instanceId: true,
  executionId: true,
  eventId: true,
  runId: true,
};
const INSTANCE: Fields<InstanceRow> = {
  key: true,
  instanceId: true,
  name: true,
  version: true,
  runId: true,
  status: true,
  executionId: true,
  output: true,
  failure: true,
  customStatus: true,
  customStatusVersion: true,
  blocked: true,
  parent: true,
  createdMs: true,
  updatedMs: true,
};
const EXECUTION: Fields<ExecutionRow> = {
  executionId: true,
  name: true,
  version: true,
  status: true,
  output: true,
  failure: true,
  startedMs: true,
  completedMs: true,
  eventCount: true,
};
const HISTORY: Fields<HistoryRow> = {
  executionId: true,
  firstEventId: true,
  lastEventId: true,
  eventCount: true,
  timestampMs: true,
  format: true,
  data: true,
};
const ACTIVITY: Fields<ClaimedActivity> = {
  claim: true,
  instanceId: true,
  crashes: true,
  name: true,
  body: true,
  tag: true,
  sessionId: true,
  heartbeat: true,
};

const inside = (name: string, fields: object): string[] =>
  Object.keys(fields).map((field) => `${name}.${field}`);

const INSTANCE_PATHS = [
  ...Object.keys(INSTANCE),
  ...inside("failure", FAILURE),
  ...inside("blocked", BLOCKED),
  ...inside("parent", PARENT),
];

/** A copy without what lies at a path such as `failure.code`. */
function without<T>(row: T, path: string): T {
  const [name = "", ...rest] = path.split(".");
  const { [name]: value, ...others } = row as Record<string, unknown>;
  if (rest.length === 0 || value === undefined) return others as T;
  return { ...others, [name]: without(value, rest.join(".")) } as T;
}

type Reader = (store: ReferenceStore, path: string) => Partial<Provider>;

const READERS: readonly (readonly [string, readonly string[], Reader])[] = [
  [
    "readInstances",
    INSTANCE_PATHS,
    (store, path) => ({
      readInstances: async (ids) =>
        (await store.readInstances(ids)).map((row) => without(row, path)),
    }),
  ],
  [
    "listInstances",
    INSTANCE_PATHS.filter((path) => !path.startsWith("blocked")),
    (store, path) => ({
      listInstances: async (query) => {
        const page = await store.listInstances(query);
        return { ...page, rows: page.rows.map((row) => without(row, path)) };
      },
    }),
  ],
  [
    "listChildren",
    INSTANCE_PATHS.filter((path) => !path.startsWith("blocked")),
    (store, path) => ({
      listChildren: async (id) => (await store.listChildren(id)).map((row) => without(row, path)),
    }),
  ],
  [
    "claimInstances",
    [
      ...["claim", "instanceId", "previousEpoch", "crashes", "row", "messages", "dueTimers"],
      ...["history", "keyValues", ...inside("row.blocked", BLOCKED)],
    ],
    (store, path) => ({
      claimInstances: async (request) =>
        (await store.claimInstances(request)).map((claimed) => without(claimed, path)),
    }),
  ],
  [
    "claimActivities",
    Object.keys(ACTIVITY),
    (store, path) => ({
      claimActivities: async (request) =>
        (await store.claimActivities(request)).map((claimed) => without(claimed, path)),
    }),
  ],
  [
    "readHistory",
    Object.keys(HISTORY),
    (store, path) => ({
      readHistory: async (...args) =>
        (await store.readHistory(...args))?.map((row) => without(row, path)),
    }),
  ],
  [
    "listExecutions",
    [...Object.keys(EXECUTION), ...inside("failure", FAILURE)],
    (store, path) => ({
      listExecutions: async (id) =>
        (await store.listExecutions(id)).map((row) => without(row, path)),
    }),
  ],
];

export interface FieldMutant {
  readonly name: string;
  readonly change: (store: ReferenceStore) => Partial<Provider>;
}

export const FIELD_MUTANTS: readonly FieldMutant[] = READERS.flatMap(([method, paths, reader]) =>
  paths.map((path) => ({
    name: `${path} in ${method}`,
    change: (store: ReferenceStore) => reader(store, path),
  })),
);
