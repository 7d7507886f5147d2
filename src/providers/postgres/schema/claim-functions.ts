/**
 * Functions that hand work to nodes, and those that keep the list of nodes. `@` stands for the quoted
 * schema name.
 *
 * F1. A claim skips rows that others are claiming (`skip locked`): no claim waits, and no row is claimed twice.
 * F2. What is claimed is read in a statement of its own, after the lock: a message that was committed
 *     while the claim was looking is seen by it.
 * F3. A claim carries an id of its own. When its answer was lost, the same id asked for again hands
 *     out what was claimed then, and nothing else; claims of one node wait for each other.
 * F4. A node is handed work that it has code for, and work that no live node has code for.
 * F5. What is due for one instance is read by the instance (`+ 0` keeps the index on times out of it):
 *     however much is due for others, it is not looked at.
 * F6. Suspects (work with crashes behind it) are few, and mostly there are none: an index of their
 *     own says so, and all other work is not scanned.
 * F7. A crash counts for activities that a node held, and for instances that it held and that have a
 *     turn to do; what rests in memory is no delivery. Rows name the nodes that they count, so that a
 *     node that comes back can be taken out.
 * F8. An index keeps entries of what was claimed until the server may remove them: with a long
 *     transaction in the database that takes as long as it lasts. A claim that found all
 *     that it asked for answers with a mark, how far it came, and the next one of its node goes on
 *     there. It scans from the start again when it finds too little from the mark on, and when no
 *     claim has done so for WHOLE_SCAN_MS: so long, at most, wait rows that come to lie before the
 *     mark (a node left, a commit was late, a lock was released), and only while others wait too.
 */

import { INSTANCE_JSON } from "./instance-json.ts";
import { PLAN_SETTINGS } from "./plan-settings.ts";

const WHOLE_SCAN_MS = 5_000;
/** Before all times and numbers. */
const START = "(-9223372036854775807)";

/** Whether a node has code for a row, or no node of the list has (F4). */
function fits(kind: "o" | "a", row: string, version: string): string {
  const isCodeFor = `c.kind = '${kind}' and c.name = ${row}.name
          and (${version} = '' or c.version = ${version})`;
  return `(v_takes_all
        or exists (select 1 from @.node_code c where c.node = p_node and ${isCodeFor})
        or not v_is_any_taken and not exists (select 1 from @.node_code c where ${isCodeFor}))`;
}

// Suspects and all others (F6): plans are made for all parameters, so what a partial index needs is
// written out, and `+ 0` keeps the index on times out of it.

/** Where a scan begins: a mark is the time of the last whole scan, then a key of the index (F8). */
function wholeScan(keyLength: number): string {
  return `array[v_now, ${Array.from({ length: keyLength }, () => START).join(", ")}]`;
}

/** Picks from the mark on, and from the start if that is too little (F8). */
function pickFromMark(pick: string, count: string, keyLength: number): string {
  return `      v_mark := case
        when p_mark[1] between v_now - ${WHOLE_SCAN_MS} and v_now then p_mark else ${wholeScan(keyLength)}
      end;
      loop
${pick}
        exit when ${count} = p_limit or v_mark[2] = ${START};
        v_mark := ${wholeScan(keyLength)};
      end loop;
      v_mark := case when ${count} = p_limit then v_mark[1] || v_last end;`;
}

function pickInstances(due: string, which: string): string {
  return `        select array_agg(p.seq order by p.ready_ms, p.seq), max(array[p.ready_ms, p.seq])
        into v_seqs, v_last from (
          select i.seq, i.ready_ms from @.instances i
          where i.owner is null and ${due} <= v_now and ${which}
            and i.crashes >= p_from and i.crashes < p_below
            and ${fits("o", "i", "i.version")}
          order by ${due}, i.seq
          limit p_limit
          for update skip locked
        ) p;`;
}

function pickActivities(due: string, which: string): string {
  return `        select array_agg(p.instance), array_agg(p.execution), array_agg(p.activity_id),
          max(array[p.visible_ms, p.instance, p.activity_id])
        into v_instances, v_executions, v_ids, v_last from (
          select a.instance, a.execution, a.activity_id, a.visible_ms from @.activities a
          where a.owner is null and ${due} <= v_now and ${which}
            and a.crashes >= p_from and a.crashes < p_below
            and ${fits("a", "a", "''")}
          order by ${due}, a.instance, a.activity_id
          limit p_limit
          for update skip locked
        ) p;`;
}

const INSTANCES_FROM_MARK = pickFromMark(
  pickInstances("i.ready_ms", "(i.ready_ms, i.seq) >= (v_mark[2], v_mark[3])"),
  "cardinality(v_seqs)",
  2,
);
const ACTIVITIES_FROM_MARK = pickFromMark(
  pickActivities(
    "a.visible_ms",
    "(a.visible_ms, a.instance, a.activity_id) >= (v_mark[2], v_mark[3], v_mark[4])",
  ),
  "cardinality(v_ids)",
  3,
);

const CLAIMS = `
create function @.claim_instances(
  p_node bigint, p_request uuid, p_is_repeated boolean, p_limit integer,
  p_from bigint, p_below bigint, p_mark bigint[], p_remembered jsonb
) returns json language plpgsql ${PLAN_SETTINGS} as $$
declare
  v_now bigint := @.now_ms();
  v_takes_all boolean;
  v_is_any_taken boolean := exists (select 1 from @.nodes n where n.takes_all);
  v_seqs bigint[];
  v_mark bigint[];
  v_last bigint[];
  v_items json;
begin
  perform pg_advisory_xact_lock(hashtextextended('@.claim', p_node));
  select n.takes_all into v_takes_all from @.nodes n where n.id = p_node for key share;
  if not found or p_from > 0 and not p_is_repeated and not exists (
    select 1 from @.instances i where i.crashes > 0 and i.crashes >= p_from
  ) then
    return json_build_object('now', v_now, 'items', '[]'::json);
  end if;
  if p_is_repeated then
    select array_agg(i.seq) into v_seqs
    from @.instances i where i.owner = p_node and i.claim_request = p_request;
  end if;
  if v_seqs is null then
    if p_from > 0 then
${pickInstances("i.ready_ms + 0", "i.crashes > 0")}
    else
${INSTANCES_FROM_MARK}
    end if;
    update @.instances i
    set owner = p_node, epoch = i.epoch + 1, retry_ms = 0, ready_ms = null,
      claim_request = p_request
    where i.seq = any (v_seqs);
  end if;
  select json_agg(json_build_array(
    i.epoch,
    i.crashes,
    ${INSTANCE_JSON},
    (select json_agg(json_build_array(m.id, m.body) order by m.id) from @.messages m
     where m.instance = i.seq and m.visible_ms + 0 <= v_now),
    (select json_agg(json_build_array(t.execution, t.event_id, t.fire_ms)
       order by t.fire_ms, t.execution, t.event_id) from @.timers t
     where t.instance = i.seq and t.fire_ms + 0 <= v_now),
    case when (p_remembered -> i.seq::text)::integer is distinct from i.epoch - 1 then coalesce(
      (select json_agg(json_build_array(h.execution, h.first_event_id, h.last_event_id,
         h.event_count, h.at_ms, h.format, h.data) order by h.first_event_id)
       from @.history h where h.instance = i.seq and h.execution = i.execution), '[]'::json) end,
    (select json_agg(json_build_array(k.key, k.value, k.updated_ms) order by k.key)
     from @.key_values k where k.instance = i.seq)
  ) order by u.n) into v_items
  from unnest(v_seqs) with ordinality as u (seq, n)
  join @.instances i on i.seq = u.seq;
  return json_build_object(
    'now', v_now, 'items', coalesce(v_items, '[]'::json), 'mark', to_json(v_mark)
  );
end
$$;

create function @.claim_activities(
  p_node bigint, p_request uuid, p_is_repeated boolean, p_limit integer,
  p_from bigint, p_below bigint, p_mark bigint[]
) returns json language plpgsql ${PLAN_SETTINGS} as $$
declare
  v_now bigint := @.now_ms();
  v_takes_all boolean;
  v_is_any_taken boolean := exists (select 1 from @.nodes n where n.takes_all);
  v_instances bigint[];
  v_executions integer[];
  v_ids integer[];
  v_mark bigint[];
  v_last bigint[];
  v_items json;
begin
  perform pg_advisory_xact_lock(hashtextextended('@.claim', p_node));
  select n.takes_all into v_takes_all from @.nodes n where n.id = p_node for key share;
  if not found or p_from > 0 and not p_is_repeated and not exists (
    select 1 from @.activities a where a.crashes > 0 and a.crashes >= p_from
  ) then
    return json_build_object('now', v_now, 'items', '[]'::json);
  end if;
  if not p_is_repeated or not exists (
    select 1 from @.activities a where a.owner = p_node and a.claim_request = p_request
  ) then
    if p_from > 0 then
${pickActivities("a.visible_ms + 0", "a.crashes > 0")}
    else
${ACTIVITIES_FROM_MARK}
    end if;
    with claimed as (
      update @.activities a
      set owner = p_node, attempt = a.attempt + 1, claim_request = p_request
      from unnest(v_instances, v_executions, v_ids) as p (instance, execution, activity_id)
      where a.instance = p.instance and a.execution = p.execution
        and a.activity_id = p.activity_id
      returning a.*
    )
    select json_agg(json_build_array(c.instance, c.execution, c.activity_id, c.attempt, c.crashes, i.id, c.name,
      c.body, c.tag, c.session, c.heartbeat)
      order by c.visible_ms, c.instance, c.execution, c.activity_id) into v_items
    from claimed c join @.instances i on i.seq = c.instance;
  else
    select json_agg(json_build_array(c.instance, c.execution, c.activity_id, c.attempt, c.crashes, i.id, c.name,
      c.body, c.tag, c.session, c.heartbeat)
      order by c.visible_ms, c.instance, c.execution, c.activity_id) into v_items
    from @.activities c join @.instances i on i.seq = c.instance
    where c.owner = p_node and c.claim_request = p_request;
  end if;
  return json_build_object(
    'now', v_now, 'items', coalesce(v_items, '[]'::json), 'mark', to_json(v_mark)
  );
end
$$;

create function @.has_claimable_work() returns boolean language sql volatile ${PLAN_SETTINGS} as $$
  select exists (select 1 from @.instances i where i.owner is null and i.ready_ms <= @.now_ms())
    or exists (select 1 from @.activities a where a.owner is null and a.visible_ms <= @.now_ms())
$$;

create function @.next_due_ms(p_after bigint) returns bigint language plpgsql ${PLAN_SETTINGS} as $$
declare
  -- A process whose clock runs a little ahead must not step over what is due in between.
  v_now bigint := @.now_ms();
  v_after bigint := case when p_after between v_now and v_now + 5000 then v_now else p_after end;
begin
  return least(
    (select min(i.ready_ms) from @.instances i where i.owner is null and i.ready_ms > v_after),
    (select min(t.fire_ms) from @.timers t where t.fire_ms > v_after),
    (select min(a.visible_ms) from @.activities a where a.owner is null and a.visible_ms > v_after)
  );
end
$$;

create function @.read_held_work(p_node bigint, p_limit integer) returns json language plpgsql ${PLAN_SETTINGS} as $$
declare
  v_now bigint := @.now_ms();
  v_items json;
begin
  select json_agg(json_build_array(
    held.instance,
    (select json_agg(json_build_array(m.id, m.body) order by m.id) from @.messages m
     where m.instance = held.instance and m.visible_ms + 0 <= v_now),
    (select json_agg(json_build_array(t.execution, t.event_id, t.fire_ms)
       order by t.fire_ms, t.execution, t.event_id) from @.timers t
     where t.instance = held.instance and t.fire_ms + 0 <= v_now)
  ) order by held.due_ms) into v_items
  from (
    select w.instance, min(w.due_ms) as due_ms from (
      select m.instance, m.visible_ms as due_ms from @.messages m where m.visible_ms <= v_now
      union all
      select t.instance, t.fire_ms from @.timers t where t.fire_ms <= v_now
    ) w
    join @.instances i on i.seq = w.instance and i.owner = p_node
    group by w.instance
    order by min(w.due_ms)
    limit p_limit
  ) held;
  return json_build_object('now', v_now, 'items', coalesce(v_items, '[]'::json));
end
$$;

create function @.find_lost_activities(p_claims jsonb) returns integer[] language sql volatile ${PLAN_SETTINGS} as $$
  select coalesce(array_agg(t.n::integer - 1 order by t.n), '{}')
  from jsonb_array_elements(p_claims) with ordinality as t (c, n)
  where not exists (
    select 1 from @.activities a
    where a.instance = (t.c -> 0)::bigint and a.execution = (t.c -> 1)::integer
      and a.activity_id = (t.c -> 2)::integer and a.owner = (t.c -> 3)::bigint
      and a.attempt = (t.c -> 4)::integer
  )
$$;

create function @.unblock_work(p_writer uuid) returns void
language plpgsql ${PLAN_SETTINGS} set lock_timeout = '1s' as $$
declare
  v_now bigint := @.now_ms();
begin
  update @.instances i set retry_ms = 0, ready_ms = @.ready_of(i.seq)
  from (
    select n.seq from @.instances n
    where n.retry_ms > v_now and n.retry_ms > 0 and coalesce(n.start_ms, 0) <= v_now
    order by n.seq for update
  ) parked
  where i.seq = parked.seq;
  update @.activities a set visible_ms = v_now
  from (
    select n.instance, n.execution, n.activity_id from @.activities n
    where n.owner is null and n.visible_ms > v_now
    order by n.instance, n.execution, n.activity_id for update
  ) hidden
  where a.instance = hidden.instance and a.execution = hidden.execution
    and a.activity_id = hidden.activity_id;
  perform @.touch();
  perform @.notify(p_writer, true, '{}');
end
$$;
`;

const NODES = `
-- The nodes whose crashes a row counts, the latest of them: an earlier one stays counted.
create function @.with_node(p_nodes bigint[], p_node bigint) returns bigint[]
language sql immutable as $$
  select (array_prepend(p_node, coalesce(p_nodes, '{}')))[1:64]
$$;

create function @.take_back_crash(p_node bigint) returns void language plpgsql ${PLAN_SETTINGS} as $$
begin
  update @.activities a
  set crashes = a.crashes - 1, crashed_nodes = array_remove(a.crashed_nodes, p_node)
  where a.crashes > 0 and p_node = any (a.crashed_nodes);
  update @.instances i
  set crashes = i.crashes - 1, crashed_nodes = array_remove(i.crashed_nodes, p_node)
  where i.crashes > 0 and p_node = any (i.crashed_nodes);
end
$$;

create function @.register_node(
  p_writer uuid, p_label text, p_lease_ms bigint, p_code jsonb
) returns bigint language plpgsql ${PLAN_SETTINGS} as $$
declare
  v_node bigint;
begin
  insert into @.nodes (writer, label, lease_ms, renewals, takes_all)
  values (p_writer, p_label, p_lease_ms, 0, p_code is null)
  returning id into v_node;
  insert into @.node_code (node, kind, name, version)
  select distinct v_node, c ->> 0, c ->> 1, c ->> 2 from jsonb_array_elements(p_code) as t (c);
  return v_node;
end
$$;

create function @.remove_node(
  p_writer uuid, p_node bigint, p_if_renewals bigint, p_is_crash boolean
) returns boolean language plpgsql ${PLAN_SETTINGS} set lock_timeout = '1s' as $$
declare
  v_now bigint := @.now_ms();
  v_stall jsonb;
begin
  delete from @.nodes n
  where n.id = p_node and (p_if_renewals is null or n.renewals = p_if_renewals)
  returning case when p_if_renewals is not null then n.stall::jsonb end into v_stall;
  if not found then
    if p_if_renewals is null then
      perform @.take_back_crash(p_node);
    end if;
    return false;
  end if;
  delete from @.node_code where node = p_node;
  update @.activities a set
    owner = null,
    crashes = a.crashes + p_is_crash::integer,
    crashed_nodes = case when p_is_crash then @.with_node(a.crashed_nodes, p_node) else a.crashed_nodes end
  from (
    select n.instance, n.execution, n.activity_id from @.activities n
    where n.owner = p_node order by n.instance, n.execution, n.activity_id for update
  ) held
  where a.instance = held.instance and a.execution = held.execution
    and a.activity_id = held.activity_id;
  -- A crash counts for those that have a turn to do (F7); what a note names is parked (P9).
  update @.instances i set
    owner = null,
    ready_ms = case when held.is_noted then greatest(held.ready, (v_stall -> 'at')::bigint) else held.ready end,
    retry_ms = case when held.is_noted then (v_stall -> 'at')::bigint else i.retry_ms end,
    blocked = case when held.is_noted then v_stall ->> 'bl' else i.blocked end,
    crashes = i.crashes + (p_is_crash and held.is_busy)::integer,
    crashed_nodes = case
      when p_is_crash and held.is_busy then @.with_node(i.crashed_nodes, p_node)
      else i.crashed_nodes
    end
  from (
    select r.seq, r.ready, coalesce(r.ready <= v_now, false) as is_busy,
      coalesce(r.seq = (v_stall -> 'key')::bigint and r.epoch = (v_stall -> 'epoch')::integer, false) as is_noted
    from (
      select n.seq, n.epoch, @.ready_of(n.seq) as ready
      from (select o.seq, o.epoch from @.instances o where o.owner = p_node order by o.seq for update) n
    ) r
  ) held
  where i.seq = held.seq;
  perform @.touch();
  perform @.notify(p_writer, true, '{}');
  return true;
end
$$;
`;

export const CLAIM_FUNCTIONS: string = CLAIMS + NODES;
