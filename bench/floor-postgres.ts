/**
 * The floor of PostgreSQL: what the server does through `pg` when nothing but a row is written.
 *
 * Question: how long does one durable insert take that is waited for, and how many orchestrations'
 * worth of rows does the server take in a second through one connection when they come in arrays?
 */

import type { Client } from "pg";

import { ascending, median, percentile } from "./measure.ts";
import type { RawLoad } from "./store.ts";
import { FEW, type Floor, MANY } from "./workload.ts";

const CREATE = `
create table raw_rows (id bigint generated always as identity primary key, data text not null);
create table raw_instances (seq bigint primary key, id text not null unique, status text not null,
  output text) with (fillfactor = 85);
create table raw_history (instance bigint not null, first_event_id integer not null,
  data text not null, primary key (instance, first_event_id));
create table raw_activities (instance bigint primary key, body text not null);
create table raw_branches (instance bigint not null, activity_id integer not null, body text not null,
  primary key (instance, activity_id));
`;
const DROP = "drop table raw_rows, raw_instances, raw_history, raw_activities, raw_branches";

export async function measurePostgresFloor(client: Client, isQuick: boolean): Promise<Floor> {
  await client.query(CREATE);
  try {
    const times = await timeCommits(client, isQuick ? 500 : 2_000);
    const many = { first: 0, groupSize: MANY, count: isQuick ? 5_000 : 60_000 };
    const few = { first: many.count + MANY, groupSize: FEW, count: isQuick ? 2_000 : 20_000 };
    return {
      commitMs: median(times),
      commitP99Ms: percentile(ascending(times), 0.99),
      orchestrationsPerSecond: await measureGroups(client, many),
      orchestrationsPerSecondByFew: await measureGroups(client, few),
      branchesPerSecond: await measureBranches(client, isQuick ? 5_000 : 60_000),
    };
  } finally {
    await client.query(DROP);
  }
}

async function timeCommits(client: Client, count: number): Promise<number[]> {
  const data = "x".repeat(120);
  const insert = { name: "raw", text: "insert into raw_rows (data) values ($1)", values: [data] };
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const startMs = performance.now();
    await client.query(insert);
    times.push(performance.now() - startMs);
  }
  return times;
}

const FIRST_TURNS = `
with i as (
  insert into raw_instances (seq, id, status)
  select n, 'orchestration-' || n, 'Running' from unnest($1::bigint[]) n
), h as (
  insert into raw_history (instance, first_event_id, data)
  select n, 1, $2 from unnest($1::bigint[]) n
)
insert into raw_activities (instance, body)
select n, $3 from unnest($1::bigint[]) n`;

const SECOND_TURNS = `
with a as (
  delete from raw_activities where instance = any ($1::bigint[])
), h as (
  insert into raw_history (instance, first_event_id, data)
  select n, 3, $2 from unnest($1::bigint[]) n
)
update raw_instances set status = 'Completed', output = '1' where seq = any ($1::bigint[])`;

/** @returns Orchestrations a second */
async function measureGroups(
  client: Client,
  {
    first,
    groupSize,
    count,
  }: { readonly first: number; readonly groupSize: number; readonly count: number },
): Promise<number> {
  const firstTurn =
    '[["os",1,"OneActivity","1.0.0","1","orchestration-000000",1,"00000000-0000-4000-8000-000000000000"],["as",2,"Echo","1"]]';
  const secondTurn = '[["ac",3,2,"1"],["oc",4,"1"]]';
  const body = '{"input":"1","orchestrationName":"OneActivity","orchestrationVersion":"1.0.0"}';
  const startMs = performance.now();
  for (let done = 0; done < count; done += groupSize) {
    const seqs = Array.from({ length: groupSize }, (_, i) => first + done + i);
    await client.query({ name: "first", text: FIRST_TURNS, values: [seqs, firstTurn, body] });
    await client.query({ name: "second", text: SECOND_TURNS, values: [seqs, secondTurn] });
  }
  const seconds = (performance.now() - startMs) / 1_000;
  return (Math.ceil(count / groupSize) * groupSize) / seconds;
}

const SCHEDULE = `
with h as (
  insert into raw_history (instance, first_event_id, data) values (-1, $2, $3)
)
insert into raw_branches (instance, activity_id, body)
select -1, n, $4 from unnest($1::integer[]) n`;

const COMPLETE = `
with h as (
  insert into raw_history (instance, first_event_id, data) values (-1, $2, $3)
)
delete from raw_branches where instance = -1 and activity_id = any ($1::integer[])`;

/** @returns Branches of one fan-out a second */
async function measureBranches(client: Client, count: number): Promise<number> {
  const body = '{"input":"1","orchestrationName":"FanOut","orchestrationVersion":"1.0.0"}';
  let eventId = 1;
  const startMs = performance.now();
  for (let done = 0; done < count; done += MANY) {
    const ids = Array.from({ length: MANY }, (_, i) => eventId + i);
    const scheduled = `[${ids.map((id) => `["as",${id},"Echo","1"]`).join()}]`;
    const completed = `[${ids.map((id) => `["ac",${id + MANY},${id},"1"]`).join()}]`;
    const first = { name: "schedule", text: SCHEDULE, values: [ids, eventId, scheduled, body] };
    await client.query(first);
    await client.query({
      name: "complete",
      text: COMPLETE,
      values: [ids, eventId + MANY, completed],
    });
    eventId += 2 * MANY;
  }
  return (Math.ceil(count / MANY) * MANY * 1_000) / (performance.now() - startMs);
}

/** @returns Milliseconds */
export async function writeRawPostgres(client: Client, load: RawLoad): Promise<number> {
  await client.query("create table raw_payloads (data text not null)");
  try {
    const startMs = performance.now();
    for (let done = 0; done < load.count; done += load.perCommit) {
      const rows = Math.min(load.perCommit, load.count - done);
      const texts = Array.from({ length: rows }, () => load.text);
      await client.query("insert into raw_payloads (data) select unnest($1::text[])", [texts]);
    }
    return performance.now() - startMs;
  } finally {
    await client.query("drop table raw_payloads");
  }
}
