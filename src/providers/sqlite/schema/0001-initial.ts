/**
 * The first schema.
 *
 * Times are milliseconds since the Unix epoch. `instance` refers to `instances.seq`, which is never
 * reused; so do message ids and node ids, because others may still remember them. There are no
 * foreign keys: each deletion is written out, and a check per inserted row would be paid for ever.
 *
 * A search compares keys. In an index and in a table without rowid the key is all of the row, and a
 * row that does not fit into its page is read whole to compare it: one long text would slow down every
 * search that passes it. So long texts lie in tables with a rowid only, behind all other columns.
 * `history` and `activities`, which every step writes, are without rowid and small: a long text
 * lies in `long_texts`, and its number in the row (`long-texts.ts`).
 */

import type { Migration } from "../migrate.ts";

export const initial: Migration = {
  number: 1,
  name: "initial",
  kind: "breaking",
  sql: `
create table nodes (
  id integer primary key autoincrement,
  label text not null,
  lease_ms integer not null,
  renewals integer not null,
  code text not null,
  host text not null,
  pid integer not null,
  process_start text not null,
  stall text
) strict;

create table node_code (
  node integer not null,
  kind text not null,
  name text not null,
  version text not null,
  primary key (node, kind, name, version)
) strict, without rowid;

create index node_code_by_name on node_code (kind, name, version);

create table instances (
  seq integer primary key autoincrement,
  id text not null unique,
  name text not null,
  version text not null,
  run_id text not null,
  status text not null,
  execution integer not null,
  owner integer,
  epoch integer not null,
  crashes integer not null,
  crashed_nodes text,
  retry_ms integer not null,
  start_ms integer,
  created_ms integer not null,
  parent_id text,
  parent_execution integer,
  parent_event integer,
  parent_run_id text,
  custom_status_version integer not null,
  custom_status text,
  blocked text,
  failure text,
  output text
) strict;

create index instances_by_name on instances (name, status);
create index instances_by_creation on instances (created_ms);
create index instances_by_parent on instances (parent_id) where parent_id is not null;
create index instances_by_crashes on instances (crashes) where crashes > 0;
create index instances_by_retry on instances (retry_ms) where retry_ms > 0;

create table executions (
  instance integer not null,
  execution integer not null,
  name text not null,
  version text not null,
  started_ms integer not null,
  completed_ms integer not null,
  event_count integer not null,
  output text,
  unique (instance, execution)
) strict;

create table long_texts (
  id integer primary key,
  text text not null
) strict;

create table history (
  instance integer not null,
  execution integer not null,
  first_event_id integer not null,
  last_event_id integer not null,
  event_count integer not null,
  at_ms integer not null,
  format integer not null,
  data any not null,
  primary key (instance, execution, first_event_id)
) strict, without rowid;

create trigger history_texts after delete on history
when typeof(old.data) <> 'text'
begin
  delete from long_texts
  where id = old.data;
end;

create table messages (
  id integer primary key autoincrement,
  instance integer not null,
  visible_ms integer not null,
  body text not null
) strict;

create index messages_by_instance on messages (instance);
create index messages_by_visibility on messages (visible_ms);

create table timers (
  instance integer not null,
  execution integer not null,
  event_id integer not null,
  fire_ms integer not null,
  is_relative integer not null,
  primary key (instance, execution, event_id)
) strict, without rowid;

create index timers_by_time on timers (fire_ms);

create table clock_steps (
  at_ms integer primary key,
  back_ms integer not null
) strict;

create table activities (
  instance integer not null,
  execution integer not null,
  activity_id integer not null,
  name text not null,
  body any not null,
  tag text,
  session text,
  visible_ms integer not null,
  owner integer,
  attempt integer not null,
  crashes integer not null default 0,
  crashed_nodes text,
  heartbeat any,
  primary key (instance, execution, activity_id)
) strict, without rowid;

create trigger activity_texts after delete on activities
when typeof(old.body) <> 'text' or typeof(old.heartbeat) not in ('text', 'null')
begin
  delete from long_texts
  where id in (old.body, old.heartbeat);
end;

create trigger activity_heartbeat_changes after update of heartbeat on activities
when typeof(old.heartbeat) not in ('text', 'null')
begin
  delete from long_texts
  where id = old.heartbeat;
end;

create index activities_by_crashes on activities (crashes) where crashes > 0;
create index activities_waiting on activities (visible_ms) where owner is null;

create table key_values (
  instance integer not null,
  key text not null,
  updated_ms integer not null,
  value text not null,
  unique (instance, key)
) strict;

create table key_value_changes (
  instance integer not null,
  key text not null,
  updated_ms integer not null,
  value text,
  unique (instance, key)
) strict;
`,
};
