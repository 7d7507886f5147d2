/**
 * The floor of PostgreSQL: what the server does through `pg` when nothing but a row is written.
 *
 * Question: how long does one durable insert take that is waited for, and how many orchestrations'
 * worth of rows does the server take in a second when they come in arrays, as no engine can better?
 */

import type { Client } from "pg";

import { ascending, median, percentile } from "./measure.ts";
import type { FloorResult, RawLoad } from "./store.ts";

/** Orchestrations whose rows share a commit. */
const GROUP_SIZE = 256;

const CREATE = `
create table raw_rows (id bigint generated always as identity primary key, data text not null);
create table raw_instances (seq bigint primary key, id text not null unique, status text not null,
  output text) with (fillfactor = 85);
create table raw_history (instance bigint not null, first_event_id integer not null,
  data text not null, primary key (instance, first_event_id));
create table raw_activities (instance bigint primary key, body text not null);
`;
const DROP = "drop table raw_rows, raw_instances, raw_history, raw_activities";

export async function measurePostgresFloor(client: Client, isQuick: boolean): Promise<FloorResult> {
  await client.query(CREATE);
  try {
    const times = await timeCommits(client, isQuick ? 500 : 2_000);
    const commitMs = median(times);
    const commitP99Ms = percentile(ascending(times), 0.99);
    const orchestrationsPerSecond = await measureGroups(client, isQuick ? 5_000 : 20_000);
    return {
      floor: { commitMs, commitP99Ms, orchestrationsPerSecond },
      samples: [
        {
          figure: "raw commits of one row, one after the other",
          unit: "commits/s",
          value: 1_000 / commitMs,
          better: "higher",
        },
        {
          figure: "raw commits of one row: p99",
          unit: "ms",
          value: commitP99Ms,
          better: "lower",
        },
        {
          figure: `raw rows of one-activity orchestrations, ${GROUP_SIZE} to a commit`,
          unit: "orchestrations/s",
          value: orchestrationsPerSecond,
          better: "higher",
        },
      ],
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
async function measureGroups(client: Client, count: number): Promise<number> {
  const firstTurn =
    '[["os",1,"OneActivity","1.0.0","1","orchestration-000000",1,"00000000-0000-4000-8000-000000000000"],["as",2,"Echo","1"]]';
  const secondTurn = '[["ac",3,2,"1"],["oc",4,"1"]]';
  const body = '{"input":"1","orchestrationName":"OneActivity","orchestrationVersion":"1.0.0"}';
  const startMs = performance.now();
  for (let done = 0; done < count; done += GROUP_SIZE) {
    const seqs = Array.from({ length: GROUP_SIZE }, (_, i) => done + i);
    await client.query({ name: "first", text: FIRST_TURNS, values: [seqs, firstTurn, body] });
    await client.query({ name: "second", text: SECOND_TURNS, values: [seqs, secondTurn] });
  }
  const seconds = (performance.now() - startMs) / 1_000;
  return (Math.ceil(count / GROUP_SIZE) * GROUP_SIZE) / seconds;
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
