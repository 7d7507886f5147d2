/**
 * One function per kind of operation. Each says what came of it, whether others have work now, and
 * which instances look different. `@` stands for the quoted schema name.
 *
 * F1. An operation is checked in full before its first row is written, so that a refused one leaves
 *     no trace and needs no savepoint.
 */

import { INSTANCE_JSON } from "./instance-json.ts";

const FUNCTIONS = `
create function @.why_lost(i record, p_is_found boolean, op jsonb) returns jsonb
language plpgsql as $$
begin
  if not exists (select 1 from @.nodes n where n.id = (op -> 'node')::bigint) then
    return @.claim_lost(format('node %s is not registered', op -> 'node'));
  end if;
  if not p_is_found then
    return @.claim_lost('the instance is gone');
  end if;
  if i.owner is null then
    return @.claim_lost('no node holds the instance');
  end if;
  if i.owner <> (op -> 'node')::bigint then
    return @.claim_lost(format('node %s holds the instance', i.owner));
  end if;
  if i.epoch <> (op -> 'epoch')::integer then
    return @.claim_lost(format('epoch %s is current, not %s', i.epoch, op -> 'epoch'));
  end if;
  return null;
end
$$;

create function @.release_instance(
  op jsonb, p_now bigint, p_writer uuid,
  out outcome jsonb, out has_work boolean, out changed text[]
) language plpgsql as $$
declare
  i @.instances;
  v_ready bigint;
  v_retry bigint := 0;
begin
  has_work := false;
  changed := '{}';
  select * into i from @.instances n where n.seq = (op -> 'key')::bigint;
  outcome := @.why_lost(i, found, op);
  if outcome is not null then
    return;
  end if;
  v_ready := @.ready_of(i.seq);
  if (op -> 'at')::bigint > p_now then
    v_retry := (op -> 'at')::bigint;
    v_ready := greatest(v_ready, v_retry);
  end if;
  update @.instances n set
    owner = null,
    ready_ms = v_ready,
    retry_ms = v_retry,
    blocked = case when op ? 'bl' then op ->> 'bl' else n.blocked end
  where n.seq = i.seq;
  has_work := v_ready is not null;
  if op ? 'bl' then
    changed := array[i.id];
  end if;
  outcome := '{"k":"a"}';
end
$$;

create function @.work_on_activity(
  op jsonb, p_now bigint, p_writer uuid,
  out outcome jsonb, out has_work boolean, out changed text[]
) language plpgsql as $$
declare
  m record;
  v_key bigint := (op -> 'key')::bigint;
  v_is_current boolean := true;
  v_is_result boolean := coalesce((op -> 'res')::boolean, false);
begin
  has_work := false;
  changed := '{}';
  if not v_is_result and not exists (select 1 from @.nodes n where n.id = (op -> 'node')::bigint) then
    outcome := @.claim_lost(format('node %s is not registered', op -> 'node'));
    return;
  end if;
  if op ->> 'k' = 'complete' then
    delete from @.activities a
    where a.instance = v_key and a.execution = (op -> 'x')::integer
      and a.activity_id = (op -> 'a')::integer and (
        v_is_result or a.owner = (op -> 'node')::bigint and a.attempt = (op -> 't')::integer
      );
    v_is_current := found;
  elsif op ->> 'k' = 'release' then
    update @.activities a
    set owner = null, visible_ms = (op -> 'at')::bigint,
      attempt = greatest(0, a.attempt - case when (op -> 'n')::boolean then 0 else 1 end),
      crashes = a.crashes + case when (op -> 'cr')::boolean then 1 else 0 end
    where a.instance = v_key and a.execution = (op -> 'x')::integer
      and a.activity_id = (op -> 'a')::integer and a.owner = (op -> 'node')::bigint
      and a.attempt = (op -> 't')::integer;
    v_is_current := found;
    has_work := found;
  else
    update @.activities a
    set heartbeat = op ->> 'd'
    where a.instance = v_key and a.execution = (op -> 'x')::integer
      and a.activity_id = (op -> 'a')::integer and a.owner = (op -> 'node')::bigint
      and a.attempt = (op -> 't')::integer;
    v_is_current := found;
  end if;
  if not v_is_current then
    outcome := @.claim_lost(
      format('attempt %s of activity %s is not this node''s any more', op -> 't', op -> 'a'));
    return;
  end if;
  outcome := '{"k":"a"}';
  if op ->> 'k' = 'complete' then
    m := @.send(v_key, op ->> 'b', p_now, p_writer, false);
    has_work := m.is_for_others;
    if m.undelivered is not null then
      outcome := jsonb_build_object('k', m.undelivered);
    elsif m.is_visible then
      outcome := jsonb_build_object('k', 'a', 'd', jsonb_build_array(jsonb_build_array(
        'q', 0, (select i.id from @.instances i where i.seq = v_key), v_key, m.message)));
    end if;
  end if;
end
$$;

create function @.send_message(
  op jsonb, p_now bigint, p_writer uuid,
  out outcome jsonb, out has_work boolean, out changed text[]
) language plpgsql as $$
declare
  v_seq bigint := @.receiver(op ->> 'id', op ->> 'run');
  m record;
begin
  changed := '{}';
  m := @.send(v_seq, op ->> 'b', p_now, p_writer, op ? 'u');
  has_work := m.is_for_others;
  if m.undelivered is not null then
    outcome := jsonb_build_object('k', m.undelivered);
  elsif m.is_visible then
    outcome := jsonb_build_object('k', 'a', 'd', jsonb_build_array(
      jsonb_build_array('q', 0, op ->> 'id', v_seq, m.message)));
  else
    outcome := '{"k":"a"}';
  end if;
end
$$;

create function @.claim_lost(p_reason text) returns jsonb language sql immutable as $$
  select jsonb_build_object('k', 'l', 'r', p_reason)
$$;

create function @.commit_turn(
  op jsonb, p_now bigint, p_writer uuid,
  out outcome jsonb, out has_work boolean, out changed text[]
) language plpgsql as $$
declare
  i record;
  f record;
  v_effects jsonb := op -> 'e';
  v_change jsonb := op -> 'e' -> 'ch';
  v_consumed jsonb := op -> 'ca';
  v_count integer;
  v_found tid[];
  v_status text;
  v_is_final boolean;
  v_is_continued boolean;
begin
  has_work := false;
  changed := '{}';
  select n.seq, n.id, n.name, n.version, n.status, n.execution, n.owner, n.epoch, n.crashes,
    n.blocked is not null as is_blocked
  into i
  from @.instances n where n.seq = (op -> 'key')::bigint;
  -- Whose node the owner is, that node is registered (T3): a current claim needs no further look.
  if not found or (i.owner = (op -> 'node')::bigint and i.epoch = (op -> 'epoch')::integer) is not true
  then
    outcome := @.why_lost(i, i.seq is not null, op);
    return;
  end if;
  if i.execution <> (v_effects -> 'x')::integer then
    outcome := @.claim_lost(format('execution %s runs, not %s', i.execution, v_effects -> 'x'));
    return;
  end if;
  if v_consumed is not null then
    v_count := jsonb_array_length(v_consumed);
    if v_count = 1 then
      delete from @.activities a
      where a.instance = i.seq and a.execution = (v_consumed -> 0 -> 0)::integer
        and a.activity_id = (v_consumed -> 0 -> 1)::integer and a.owner = i.owner
        and a.attempt = (v_consumed -> 0 -> 2)::integer;
      get diagnostics v_count = row_count;
    else
      -- Looking first is needed only where the second of several could be the one that is lost.
      v_found := @.find_activities(i.seq, v_consumed, i.owner);
      v_count := cardinality(v_found);
      if v_count = jsonb_array_length(v_consumed) then
        delete from @.activities a where a.instance + 0 = i.seq and a.ctid = any (v_found);
      end if;
    end if;
    if v_count <> jsonb_array_length(v_consumed) then
      outcome := @.claim_lost('an activity whose completion it contains is not this node''s any more');
      return;
    end if;
  end if;
  if op ? 'cm' then
    delete from @.messages m
    where m.instance = i.seq
      and m.id = any (array(select (t.c)::bigint from jsonb_array_elements(op -> 'cm') as t (c)));
  end if;
  if op ? 'ct' then
    if jsonb_array_length(op -> 'ct') = 1 then
      delete from @.timers r
      where r.instance = i.seq and r.execution = (op -> 'ct' -> 0 -> 0)::integer
        and r.event_id = (op -> 'ct' -> 0 -> 1)::integer;
    else
      v_found := @.find_timers(i.seq, op -> 'ct');
      delete from @.timers r where r.instance + 0 = i.seq and r.ctid = any (v_found);
    end if;
  end if;
  -- Who runs what is canceled looks into the store only when it hears of its instance.
  if v_effects ? 'ca' and exists (
    select 1
    from jsonb_array_elements(v_effects -> 'ca') as t (c)
    cross join lateral (
      select a.owner from @.activities a
      where a.instance = i.seq and a.execution = (t.c -> 0)::integer
        and a.activity_id = (t.c -> 1)::integer
    ) canceled
    where canceled.owner <> i.owner
  ) then
    changed := array[i.id];
  end if;
  has_work := @.write_turn(i.seq, i.owner, v_effects, p_now);
  v_status := coalesce(v_change ->> 's', i.status);
  if v_status = 'Pending' then
    v_status := 'Running';
  end if;
  v_is_final := @.is_finished(v_status) and v_change ? 's';
  v_is_continued := v_effects ? 'con';
  if v_change is not null or v_is_continued or i.crashes > 0 or i.is_blocked or v_status <> i.status then
    update @.instances n set
      name = coalesce(v_change ->> 'n', n.name),
      version = coalesce(v_change ->> 'v', n.version),
      status = case when v_is_continued then 'Running' else v_status end,
      execution = n.execution + case when v_is_continued then 1 else 0 end,
      custom_status = case when v_change ? 'c' then v_change ->> 'c' else n.custom_status end,
      custom_status_version = n.custom_status_version + case when v_change ? 'c' then 1 else 0 end,
      output = case when v_is_final then v_change ->> 'o' when v_is_continued then null else n.output end,
      failure = case when v_is_final then v_change ->> 'f' when v_is_continued then null else n.failure end,
      owner = case when v_is_final then null else n.owner end,
      crashes = 0,
      crashed_nodes = null,
      blocked = null
    where n.seq = i.seq;
    if v_is_final or v_is_continued or v_change ? 'c' or v_status <> i.status or i.is_blocked then
      changed := array[i.id];
    end if;
  end if;
  if v_effects ? 'kv' and changed = '{}' then
    changed := array[i.id];
  end if;
  if not v_is_final and not v_is_continued and not v_effects ?| array['st', 'm'] then
    outcome := '{"k":"c"}';
    return;
  end if;
  f := @.finish_turn(i.seq, i.id, v_effects, p_now, p_writer, v_is_final);
  has_work := has_work or f.has_work;
  changed := changed || f.started;
  outcome := jsonb_build_object('k', 'c', 'd', f.delivered, 'n', f.dropped, 'r', f.refused);
end
$$;

create function @.end_instance(
  op jsonb, p_now bigint, p_writer uuid,
  out outcome jsonb, out has_work boolean, out changed text[]
) language plpgsql as $$
declare
  i @.instances;
  f record;
  v_effects jsonb := op -> 'e';
  v_change jsonb := op -> 'e' -> 'ch';
  v_last integer;
begin
  has_work := false;
  changed := '{}';
  select * into i from @.instances n where n.seq = (op -> 'key')::bigint;
  if not found or @.is_finished(i.status) then
    outcome := jsonb_build_object(
      'k', case when i.seq is null then 'unknownInstance' else 'finishedInstance' end);
    return;
  end if;
  if i.execution <> (v_effects -> 'x')::integer then
    outcome := @.claim_lost(format('execution %s runs, not %s', i.execution, v_effects -> 'x'));
    return;
  end if;
  select coalesce(max(h.last_event_id), 0) into v_last
  from @.history h where h.instance = i.seq and h.execution = i.execution;
  if v_last <> (op -> 'last')::integer then
    outcome := @.claim_lost(
      format('the history goes on to event %s, beyond %s', v_last, op -> 'last'));
    return;
  end if;
  perform @.write_turn(i.seq, null, v_effects, p_now);
  -- A history that cannot be read names none.
  delete from @.activities a where a.instance = i.seq;
  update @.instances n set
    name = coalesce(v_change ->> 'n', n.name),
    version = coalesce(v_change ->> 'v', n.version),
    status = v_change ->> 's',
    output = v_change ->> 'o',
    failure = v_change ->> 'f',
    owner = null,
    ready_ms = null,
    retry_ms = 0,
    crashes = 0,
    crashed_nodes = null,
    blocked = null
  where n.seq = i.seq;
  f := @.finish_turn(i.seq, i.id, v_effects, p_now, p_writer, true);
  has_work := f.has_work;
  changed := array[i.id] || f.started;
  outcome := jsonb_build_object('k', 'c', 'd', f.delivered, 'n', f.dropped, 'r', f.refused);
end
$$;

create function @.start_instance(
  op jsonb, p_now bigint, p_writer uuid,
  out outcome jsonb, out has_work boolean, out changed text[]
) language plpgsql as $$
declare
  v_request jsonb := op -> 'q';
  v_effects jsonb := op -> 'e';
  v_node bigint := (op -> 'node')::bigint;
  v_is_final boolean;
  s record;
  m record;
  f record;
begin
  has_work := false;
  changed := '{}';
  if v_node is not null and not exists (select 1 from @.nodes n where n.id = v_node) then
    outcome := @.claim_lost(format('node %s is not registered', v_node));
    return;
  end if;
  s := @.insert_instance(v_request, p_now, v_node, v_effects -> 'ch');
  if s.seq is null then
    select jsonb_build_object('k', 'u', 'x', ${INSTANCE_JSON}) into outcome
    from @.instances i where i.seq = s.existing;
    return;
  end if;
  changed := array[v_request ->> 'id'];
  if v_node is null then
    m := @.queue_start(s.seq, v_request, p_now);
    has_work := true;
    outcome := jsonb_build_object('k', 's', 'key', s.seq);
    if m.is_visible then
      outcome := outcome || jsonb_build_object(
        'd', jsonb_build_array(jsonb_build_array('q', 0, v_request ->> 'id', s.seq, m.message)));
    end if;
    return;
  end if;
  has_work := @.write_turn(s.seq, v_node, v_effects, p_now);
  v_is_final := @.is_finished(coalesce(v_effects -> 'ch' ->> 's', ''));
  outcome := jsonb_build_object('k', 's', 'key', s.seq);
  if v_effects ? 'con' then
    update @.instances n set execution = n.execution + 1, status = 'Running', output = null, failure = null
    where n.seq = s.seq;
  elsif not v_effects ?| array['st', 'm'] then
    return;
  end if;
  f := @.finish_turn(s.seq, v_request ->> 'id', v_effects, p_now, p_writer, v_is_final);
  has_work := has_work or f.has_work;
  changed := changed || f.started;
  outcome := outcome || jsonb_build_object('d', f.delivered, 'r', f.refused);
end
$$;
`;

export const OPERATION_FUNCTIONS: string = FUNCTIONS;
