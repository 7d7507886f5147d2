/**
 * The tables and indexes of the first schema. `@` stands for the quoted schema name.
 *
 * Times are milliseconds since the Unix epoch by the server's clock. `instance` refers to
 * `instances.seq`, which is never reused. There are no foreign keys: each deletion is written out,
 * and a check per inserted row would be paid for ever.
 *
 * T1. `instances.ready_ms` says since when (or from when on) an instance without a claim has work;
 *     null: it has none. So a claim is one scan of one small index, whatever else is stored.
 * T2. Every change of `owner`, `ready_ms` or the queue of an instance holds the lock of its row.
 * T3. `owner` always names a registered node: a node that leaves lets go of everything in the
 *     transaction in which it leaves. A function that writes an owner holds a key-share lock on the node.
 */

/**
 * Rows here live for seconds and are hardly ever updated in place: dead ones are taken out early, and
 * pages keep no room. PostgreSQL clears a page of dead rows when it is fuller than its `fillfactor`
 * and looked into, and then goes on writing to it; it stops writing short of that where there is one.
 */
const QUEUE = `with (
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0
)`;

const TABLES_AND_INDEXES = `
create table @.nodes (
  id bigint generated always as identity primary key,
  writer uuid not null,
  label text not null,
  lease_ms bigint not null,
  renewals bigint not null,
  takes_all boolean not null,
  stall text
) with (fillfactor = 50);

create table @.node_code (
  node bigint not null,
  kind text not null,
  name text collate "C" not null,
  version text collate "C" not null,
  primary key (kind, name, version, node)
);

create table @.writers (
  id uuid primary key,
  batch bigint not null,
  outcomes json,
  at_ms bigint not null
) with (fillfactor = 50, autovacuum_vacuum_threshold = 1000);

create table @.instances (
  seq bigint generated always as identity primary key,
  id text collate "C" not null unique,
  name text collate "C" not null,
  version text collate "C" not null,
  run_id text not null,
  status text collate "C" not null,
  execution integer not null,
  owner bigint,
  epoch integer not null,
  crashes integer not null,
  crashed_nodes bigint[],
  ready_ms bigint,
  retry_ms bigint not null,
  start_ms bigint,
  claim_request uuid,
  created_ms bigint not null,
  parent jsonb,
  custom_status_version integer not null,
  custom_status text,
  blocked text,
  failure text,
  output text
) with (
  fillfactor = 85,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02
);

create index instances_ready on @.instances (ready_ms, seq)
  where owner is null and ready_ms is not null;
create index instances_owner on @.instances (owner) where owner is not null;
create index instances_crashed on @.instances (crashes) where crashes > 0;
create index instances_retry on @.instances (retry_ms) where retry_ms > 0;
create index instances_by_creation on @.instances (created_ms, seq);
create index instances_by_name on @.instances (name, status, created_ms, seq);
create index instances_by_parent on @.instances ((parent ->> 'instanceId') collate "C", seq)
  where parent is not null;

create table @.executions (
  instance bigint not null,
  execution integer not null,
  name text not null,
  version text not null,
  output text,
  started_ms bigint not null,
  completed_ms bigint not null,
  event_count integer not null,
  primary key (instance, execution)
);

create table @.history (
  instance bigint not null,
  execution integer not null,
  first_event_id integer not null,
  last_event_id integer not null,
  event_count integer not null,
  at_ms bigint not null,
  format integer not null,
  data text not null,
  primary key (instance, execution, first_event_id)
);

create sequence @.message_ids;

create table @.messages (
  instance bigint not null,
  id bigint not null,
  visible_ms bigint not null,
  body text not null,
  primary key (instance, id)
) ${QUEUE};

create index messages_by_visibility on @.messages (visible_ms, instance);

create table @.timers (
  instance bigint not null,
  execution integer not null,
  event_id integer not null,
  fire_ms bigint not null,
  primary key (instance, execution, event_id)
) ${QUEUE};

create index timers_by_time on @.timers (fire_ms, instance);

create table @.activities (
  instance bigint not null,
  execution integer not null,
  activity_id integer not null,
  name text collate "C" not null,
  body text not null,
  tag text,
  session text,
  visible_ms bigint not null,
  owner bigint,
  attempt integer not null,
  crashes integer not null default 0,
  crashed_nodes bigint[],
  claim_request uuid,
  heartbeat text,
  primary key (instance, execution, activity_id)
) ${QUEUE};

create index activities_waiting on @.activities (visible_ms, instance, activity_id)
  where owner is null;
create index activities_crashed on @.activities (crashes) where crashes > 0;

-- Large bodies are packed by the history that keeps them; for seconds it is not worth the time.
alter table @.messages alter column body set storage external;
alter table @.activities alter column body set storage external;

create table @.key_values (
  instance bigint not null,
  key text collate "C" not null,
  value text not null,
  updated_ms bigint not null,
  primary key (instance, key)
);

create table @.key_value_changes (
  instance bigint not null,
  key text collate "C" not null,
  value text,
  updated_ms bigint not null,
  primary key (instance, key)
);
`;

export const TABLES: string = TABLES_AND_INDEXES;
