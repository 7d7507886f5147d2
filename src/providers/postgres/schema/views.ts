/**
 * What others may read: dashboards, reports, administrators. The views are stable, the tables are
 * not; columns are only ever added at the end. `@` stands for the quoted schema name.
 */

export const VIEWS = `
create view @.v_instances as
select
  i.id as instance_id,
  i.name,
  nullif(i.version, '') as version,
  i.status,
  i.execution as execution_id,
  to_timestamp(i.created_ms / 1000.0) as created_at,
  coalesce(
    (select to_timestamp(h.at_ms / 1000.0)
     from @.history h
     where h.instance = i.seq
     order by h.execution desc, h.first_event_id desc
     limit 1),
    to_timestamp(i.created_ms / 1000.0)
  ) as updated_at,
  i.parent ->> 'instanceId' as parent_instance_id,
  i.custom_status,
  i.output,
  i.failure::jsonb as failure,
  i.blocked::jsonb as blocked,
  i.owner as node_id,
  i.crashes
from @.instances i;

create view @.v_executions as
select i.id as instance_id, e.execution as execution_id, e.name, e.version,
  'ContinuedAsNew' as status, to_timestamp(e.started_ms / 1000.0) as started_at,
  to_timestamp(e.completed_ms / 1000.0) as completed_at, e.event_count, e.output
from @.executions e
join @.instances i on i.seq = e.instance;

create view @.v_turns as
select i.id as instance_id, h.execution as execution_id, h.first_event_id, h.last_event_id,
  h.event_count, to_timestamp(h.at_ms / 1000.0) as at, h.format, h.data
from @.history h
join @.instances i on i.seq = h.instance;

create view @.v_activities as
select i.id as instance_id, a.execution as execution_id, a.activity_id, a.name, a.attempt,
  a.owner as node_id, to_timestamp(a.visible_ms / 1000.0) as visible_at, a.tag, a.session
from @.activities a
join @.instances i on i.seq = a.instance;

create view @.v_timers as
select i.id as instance_id, t.execution as execution_id, t.event_id,
  to_timestamp(t.fire_ms / 1000.0) as fires_at
from @.timers t
join @.instances i on i.seq = t.instance;

create view @.v_messages as
select i.id as instance_id, m.id as message_id, to_timestamp(m.visible_ms / 1000.0) as visible_at,
  length(m.body) as length
from @.messages m
join @.instances i on i.seq = m.instance;

create view @.v_nodes as
select n.id as node_id, n.label, n.lease_ms, n.renewals,
  (select count(*) from @.instances i where i.owner = n.id) as held_instances,
  (select count(*) from @.activities a where a.owner = n.id) as running_activities
from @.nodes n;
`;
