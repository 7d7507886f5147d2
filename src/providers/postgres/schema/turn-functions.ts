/**
 * What a turn writes: its rows, its end, and what leaves the instance. `@` stands for the quoted
 * schema name.
 *
 * F1. Rows that a list names are looked up one by one (`lateral ... for update` keeps the planner from
 *     joining the other way round). Queues are empty when plans are made: a join that scans all rows of
 *     an instance for each name is cheap then, and ruins a wide fan-out.
 * F2. They are removed by their place. A place is one row of one machine only, so the instance is named
 *     as well; `+ 0` keeps its index out of it, along which each row would be compared with each place.
 */

export const TURN_FUNCTIONS = `
create function @.apply_key_values(p_seq bigint, p_changes jsonb, p_now bigint) returns void
language plpgsql as $$
begin
  if (p_changes ->> 'x')::boolean then
    delete from @.key_value_changes where instance = p_seq;
    insert into @.key_value_changes (instance, key, value, updated_ms)
    select p_seq, k.key, null, p_now from @.key_values k where k.instance = p_seq;
  end if;
  insert into @.key_value_changes as c (instance, key, value, updated_ms)
  select distinct on (e ->> 0) p_seq, e ->> 0, e ->> 1, (e ->> 2)::bigint
  from jsonb_array_elements(p_changes -> 'c') with ordinality as t (e, n)
  order by e ->> 0, n desc
  on conflict (instance, key) do update set value = excluded.value, updated_ms = excluded.updated_ms;
end
$$;

create function @.merge_key_values(p_seq bigint) returns void language plpgsql as $$
begin
  delete from @.key_values v using @.key_value_changes c
  where v.instance = p_seq and c.instance = p_seq and c.key = v.key;
  insert into @.key_values (instance, key, value, updated_ms)
  select c.instance, c.key, c.value, c.updated_ms from @.key_value_changes c
  where c.instance = p_seq and c.value is not null;
  delete from @.key_value_changes where instance = p_seq;
end
$$;

-- Where the activities are that a list names (F1); with an owner, those that it runs in that attempt.
create function @.find_activities(p_seq bigint, p_keys jsonb, p_owner bigint) returns tid[]
language plpgsql as $$
begin
  return array(
    select f.ctid
    from jsonb_array_elements(p_keys) as t (c)
    cross join lateral (
      select a.ctid from @.activities a
      where a.instance = p_seq and a.execution = (t.c -> 0)::integer
        and a.activity_id = (t.c -> 1)::integer
        and (p_owner is null or a.owner = p_owner and a.attempt = (t.c -> 2)::integer)
      for update
    ) f
  );
end
$$;

-- Where the timers are that a list names (F1). The caller removes them: to perform a function takes
-- longer than to assign what it answers.
create function @.find_timers(p_seq bigint, p_keys jsonb) returns tid[] language plpgsql as $$
begin
  return array(
    select f.ctid
    from jsonb_array_elements(p_keys) as t (c)
    cross join lateral (
      select r.ctid from @.timers r
      where r.instance = p_seq and r.execution = (t.c -> 0)::integer
        and r.event_id = (t.c -> 1)::integer
      for update
    ) f
  );
end
$$;

-- Says whether others have work now.
create function @.write_turn(p_seq bigint, p_node bigint, p_effects jsonb, p_now bigint) returns boolean
language plpgsql as $$
declare
  v_found tid[];
begin
  if p_effects ? 'h' then
    insert into @.history (
      instance, execution, first_event_id, last_event_id, event_count, at_ms, format, data
    )
    select p_seq, (t.h -> 0)::integer, (t.h -> 1)::integer, (t.h -> 2)::integer,
      (t.h -> 3)::integer, (t.h -> 4)::bigint, (t.h -> 5)::integer, t.h ->> 6
    from jsonb_array_elements(p_effects -> 'h') as t (h);
  end if;
  if p_effects ? 'a' then
    insert into @.activities (
      instance, execution, activity_id, name, body, tag, session, visible_ms, owner, attempt
    )
    select p_seq, (p_effects -> 'x')::integer, (t.a -> 0)::integer, t.a ->> 1, t.a ->> 2, t.a ->> 4,
      t.a ->> 5, p_now, case when (t.a -> 3)::boolean then p_node end,
      case when (t.a -> 3)::boolean then 1 else 0 end
    from jsonb_array_elements(p_effects -> 'a') as t (a);
  end if;
  if p_effects ? 'ca' then
    v_found := @.find_activities(p_seq, p_effects -> 'ca', null);
    delete from @.activities a where a.instance + 0 = p_seq and a.ctid = any (v_found);
  end if;
  if p_effects ? 't' then
    insert into @.timers (instance, execution, event_id, fire_ms)
    select p_seq, (t.c -> 0)::integer, (t.c -> 1)::integer, (t.c -> 2)::bigint
    from jsonb_array_elements(p_effects -> 't') as t (c);
  end if;
  if p_effects ? 'ct' then
    v_found := @.find_timers(p_seq, p_effects -> 'ct');
    delete from @.timers r where r.instance + 0 = p_seq and r.ctid = any (v_found);
  end if;
  if p_effects ? 'kv' then
    perform @.apply_key_values(p_seq, p_effects -> 'kv', p_now);
  end if;
  return (p_effects -> 'w')::boolean;
end
$$;

create function @.finish_turn(
  p_seq bigint, p_id text, p_effects jsonb, p_now bigint, p_writer uuid, p_is_final boolean,
  out delivered jsonb, out dropped integer, out refused jsonb, out has_work boolean,
  out started text[]
) language plpgsql as $$
declare
  v_at bigint;
  v_count integer;
  v_message bigint;
  v_continued jsonb := p_effects -> 'con';
  v_position integer := 0;
  -- Lists, which grow in place: to append to a JSON array copies all of it.
  v_delivered jsonb[] := '{}';
  v_refused text[] := '{}';
  e jsonb;
  s record;
  m record;
  v_existing @.instances;
begin
  dropped := 0;
  has_work := false;
  started := '{}';
  if p_is_final then
    delete from @.messages where instance = p_seq;
    get diagnostics dropped = row_count;
    delete from @.timers where instance = p_seq;
  elsif v_continued is not null then
    select coalesce(sum(h.event_count), 0), max(h.at_ms) into v_count, v_at
    from @.history h where h.instance = p_seq and h.execution = (v_continued ->> 'x')::integer;
    insert into @.executions (
      instance, execution, name, version, output, started_ms, completed_ms, event_count
    ) values (
      p_seq, (v_continued ->> 'x')::integer, v_continued ->> 'n', v_continued ->> 'v',
      v_continued ->> 'o', (v_continued ->> 'at')::bigint, coalesce(v_at, p_now), v_count
    );
    perform @.merge_key_values(p_seq);
    v_message := -nextval('@.message_ids');
    insert into @.messages (instance, id, visible_ms, body)
    values (p_seq, v_message, p_now, v_continued ->> 'b');
    v_delivered := v_delivered || jsonb_build_array('c', 0, p_id, p_seq, v_message);
  end if;
  -- Children first: a message of the same turn may be meant for one of them.
  for e in select jsonb_array_elements(p_effects -> 'st') loop
    s := @.insert_instance(e, p_now, null, null);
    if s.seq is not null then
      m := @.queue_start(s.seq, e, p_now);
      has_work := true;
      started := started || (e ->> 'id');
      if m.is_visible then
        v_delivered := v_delivered
          || jsonb_build_array('s', v_position, e ->> 'id', s.seq, m.message);
      end if;
    else
      select * into v_existing from @.instances i where i.seq = s.existing;
      if not (v_existing.run_id = e ->> 'run' or (
        e ? 'p'
        and v_existing.parent ->> 'instanceId' = e -> 'p' ->> 'instanceId'
        and v_existing.parent -> 'executionId' = e -> 'p' -> 'executionId'
        and v_existing.parent -> 'eventId' = e -> 'p' -> 'eventId'
      ) is true) then
        v_refused := v_refused || (e ->> 'id');
        if e ? 'oc' then
          m := @.send(@.receiver(e -> 'oc' ->> 'id', e -> 'oc' ->> 'run'), e -> 'oc' ->> 'b', p_now, p_writer, false);
          if m.undelivered is not null then
            dropped := dropped + 1;
          end if;
          has_work := has_work or m.is_for_others;
          if m.is_visible then
            v_delivered := v_delivered || jsonb_build_array('o', v_position,
              e -> 'oc' ->> 'id', @.receiver(e -> 'oc' ->> 'id', null), m.message);
          end if;
        end if;
      end if;
    end if;
    v_position := v_position + 1;
  end loop;
  v_position := 0;
  for e in select jsonb_array_elements(p_effects -> 'm') loop
    v_at := @.receiver(e ->> 'id', e ->> 'run');
    m := @.send(v_at, e ->> 'b', p_now, p_writer, e ? 'u');
    if m.undelivered is not null then
      dropped := dropped + 1;
    end if;
    has_work := has_work or m.is_for_others;
    if m.is_visible then
      v_delivered := v_delivered
        || jsonb_build_array('m', v_position, e ->> 'id', v_at, m.message);
    end if;
    v_position := v_position + 1;
  end loop;
  delivered := to_jsonb(v_delivered);
  refused := to_jsonb(v_refused);
end
$$;
`;
