/**
 * What all functions share: the clock, notifications, and sending a message. `@` stands for the quoted
 * schema name.
 */

export const MESSAGE_FUNCTIONS = `
create function @.now_ms() returns bigint language sql volatile as $$
  select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
$$;

create function @.is_finished(p_status text) returns boolean language sql immutable as $$
  select p_status in ('Completed', 'Failed', 'Canceled')
$$;

create function @.ready_of(p_seq bigint) returns bigint language sql volatile as $$
  select least(
    (select min(m.visible_ms) from @.messages m where m.instance = p_seq),
    (select min(t.fire_ms) from @.timers t where t.instance = p_seq)
  )
$$;

create function @.notify(p_writer uuid, p_has_work boolean, p_ids text[]) returns void
language plpgsql as $$
declare
  v_payload text;
begin
  v_payload := json_build_object('w', p_writer, 'k', p_has_work, 'i', p_ids)::text;
  if octet_length(v_payload) > 7500 then
    v_payload := json_build_object('w', p_writer, 'k', p_has_work)::text;
  end if;
  perform pg_notify('@channel', v_payload);
end
$$;

-- For those who look at the list of writers because they get no notifications: something has
-- changed outside of any batch. A row for each connection: no write waits for it, and there are no
-- more rows than connections.
create function @.touch() returns void language sql as $$
  insert into @.writers as w (id, batch, at_ms)
  values (md5('shared ' || pg_backend_pid())::uuid, 1, @.now_ms())
  on conflict (id) do update set batch = w.batch + 1, at_ms = excluded.at_ms
$$;

create function @.send(
  p_seq bigint, p_body text, p_now bigint, p_writer uuid, p_is_urgent boolean,
  out undelivered text, out message bigint, out is_visible boolean, out is_for_others boolean
) language plpgsql as $$
declare
  v @.instances;
  v_visible bigint;
begin
  is_visible := false;
  is_for_others := false;
  select * into v from @.instances where seq = p_seq for update;
  if not found then
    undelivered := 'unknownInstance';
    return;
  end if;
  if @.is_finished(v.status) then
    undelivered := 'finishedInstance';
    return;
  end if;
  v_visible := greatest(p_now, v.retry_ms);
  if p_is_urgent and v.retry_ms > p_now then
    v_visible := p_now;
    update @.instances set retry_ms = 0 where seq = p_seq;
    update @.messages set visible_ms = p_now where instance = p_seq and visible_ms > p_now;
  end if;
  message := nextval('@.message_ids');
  -- A parked instance is hidden by its own row: its messages are there as soon as it is.
  insert into @.messages (instance, id, visible_ms, body) values (p_seq, message, p_now, p_body);
  if v.owner is null and (v.ready_ms is null or v.ready_ms > v_visible) then
    update @.instances set ready_ms = v_visible where seq = p_seq;
  end if;
  is_visible := v_visible <= p_now;
  is_for_others := v.owner is null
    or not exists (select 1 from @.nodes n where n.id = v.owner and n.writer = p_writer);
end
$$;

create function @.receiver(p_id text, p_run text) returns bigint language sql volatile as $$
  select i.seq from @.instances i where i.id = p_id and (p_run is null or i.run_id = p_run)
$$;
`;
