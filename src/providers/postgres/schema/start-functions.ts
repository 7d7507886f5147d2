/**
 * New instances, and what happens when their id is in use. `@` stands for the quoted schema name.
 */

export const START_FUNCTIONS = `
create function @.remove_instance(p_seq bigint) returns void language plpgsql as $$
declare
  v_child bigint;
begin
  for v_child in
    select c.seq from @.instances c
    where (c.parent ->> 'instanceId') collate "C" = (select i.id from @.instances i where i.seq = p_seq)
      and c.parent is not null
    order by c.seq
  loop
    perform @.remove_instance(v_child);
  end loop;
  delete from @.history where instance = p_seq;
  delete from @.executions where instance = p_seq;
  delete from @.activities where instance = p_seq;
  delete from @.key_values where instance = p_seq;
  delete from @.key_value_changes where instance = p_seq;
  delete from @.messages where instance = p_seq;
  delete from @.timers where instance = p_seq;
  delete from @.instances where seq = p_seq;
end
$$;

create function @.insert_instance(
  p_request jsonb, p_now bigint, p_owner bigint, p_change jsonb, out seq bigint, out existing bigint
) language plpgsql as $$
declare
  v_start bigint := (p_request ->> 'nb')::bigint;
  v_status text := 'Pending';
  v @.instances;
begin
  if v_start <= p_now then
    v_start := null;
  end if;
  if p_owner is not null then
    v_status := coalesce(p_change ->> 's', 'Running');
    if v_status = 'Pending' then
      v_status := 'Running';
    end if;
  end if;
  loop
    insert into @.instances as n (
      id, name, version, run_id, status, execution, owner, epoch, crashes, ready_ms, retry_ms,
      start_ms, created_ms, parent, custom_status_version, custom_status, failure, output
    ) values (
      p_request ->> 'id',
      coalesce(p_change ->> 'n', p_request ->> 'n'),
      coalesce(p_change ->> 'v', p_request ->> 'v', ''),
      p_request ->> 'run',
      v_status,
      1,
      case when not @.is_finished(v_status) then p_owner end,
      case when p_owner is null then 0 else 1 end,
      0,
      case when p_owner is null then coalesce(v_start, p_now) end,
      case when p_owner is null then coalesce(v_start, 0) else 0 end,
      case when p_owner is null then v_start end,
      p_now,
      p_request -> 'p',
      case when p_change ? 'c' then 1 else 0 end,
      p_change ->> 'c',
      p_change ->> 'f',
      p_change ->> 'o'
    ) on conflict (id) do nothing
    returning n.seq into seq;
    if seq is not null then
      return;
    end if;
    select * into v from @.instances i where i.id = p_request ->> 'id' for update;
    continue when not found;
    if p_request ->> 'r' = 'replaceFinished' and @.is_finished(v.status)
      and v.run_id <> p_request ->> 'run'
    then
      perform @.remove_instance(v.seq);
    else
      existing := v.seq;
      return;
    end if;
  end loop;
end
$$;

create function @.queue_start(p_seq bigint, p_request jsonb, p_now bigint, out message bigint, out is_visible boolean)
language plpgsql as $$
declare
  v_visible bigint := greatest(p_now, (p_request ->> 'nb')::bigint);
begin
  message := nextval('@.message_ids');
  insert into @.messages (instance, id, visible_ms, body)
  values (p_seq, message, v_visible, p_request ->> 'b');
  is_visible := v_visible <= p_now;
end
$$;
`;
