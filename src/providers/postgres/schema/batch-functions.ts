/**
 * Functions that apply a whole batch of operations: one call, one transaction, one round trip.
 * `@` stands for the quoted schema name.
 *
 * F1. All instances that a batch may change are locked first, in the order of their numbers, so that
 *     two batches do not wait for each other in a circle. Ids that are new cannot be locked: two
 *     processes that start the same ones in different order run into a deadlock, and one tries again.
 * F2. A batch carries its number. One that has landed already, because its answer was lost, answers
 *     again and does nothing (P7); one that is still under way is waited for.
 * F3. Others are notified at most once per commit.
 * F4. No batch waits for a lock for longer than `lock_timeout`: a transaction of a user that stays open
 *     must not collect connections that wait for it, and renewals come after what waits.
 *
 * The operations come as JSON arrays and objects with short keys; `encode.ts` is their other half.
 */

import { PLAN_SETTINGS } from "./plan-settings.ts";

const FUNCTIONS = `
create function @.apply(
  p_writer uuid, p_ops jsonb, p_keys bigint[], p_ids text[], p_nodes bigint[]
) returns json language plpgsql as $$
declare
  v_now bigint := @.now_ms();
  v_outcomes jsonb[] := '{}';
  v_has_work boolean := false;
  v_changed text[] := '{}';
  op jsonb;
  r record;
begin
  perform 1 from @.nodes n where n.id = any (p_nodes) order by n.id for key share;
  if cardinality(p_ids) > 0 then
    select p_keys || array_agg(n.seq) into p_keys from @.instances n where n.id = any (p_ids);
  end if;
  perform 1 from @.instances i where i.seq = any (p_keys) order by i.seq for update;
  for op in select jsonb_array_elements(p_ops) loop
    case op ->> 'k'
      when 'commit' then r := @.commit_turn(op, v_now, p_writer);
      when 'start' then r := @.start_instance(op, v_now, p_writer);
      when 'send' then r := @.send_message(op, v_now, p_writer);
      when 'end' then r := @.end_instance(op, v_now, p_writer);
      when 'hand' then r := @.release_instance(op, v_now, p_writer);
      else r := @.work_on_activity(op, v_now, p_writer);
    end case;
    v_outcomes := v_outcomes || r.outcome;
    v_has_work := v_has_work or coalesce(r.has_work, false);
    if r.changed <> '{}' then
      v_changed := v_changed || r.changed;
    end if;
  end loop;
  if v_has_work or v_changed <> '{}' then
    perform @.notify(p_writer, v_has_work, v_changed);
  end if;
  return json_build_object('now', v_now, 'o', to_json(v_outcomes));
end
$$;

create function @.write(
  p_writer uuid, p_batch bigint, p_ops jsonb, p_keys bigint[], p_ids text[], p_nodes bigint[]
) returns json language plpgsql ${PLAN_SETTINGS} set lock_timeout = '4s' as $$
declare
  v_last bigint;
  v_result json;
begin
  -- The first batch of a process has no row to lock, and one that is long out of use may be taken away.
  loop
    select w.batch into v_last from @.writers w where w.id = p_writer for update;
    exit when found;
    insert into @.writers (id, batch, at_ms) values (p_writer, 0, @.now_ms())
    on conflict (id) do nothing;
  end loop;
  if v_last > p_batch then
    raise exception 'batch % of writer % is older than its last one', p_batch, p_writer
      using errcode = '22023';
  end if;
  if v_last = p_batch then
    select w.outcomes into v_result from @.writers w where w.id = p_writer;
    return v_result;
  end if;
  v_result := @.apply(p_writer, p_ops, p_keys, p_ids, p_nodes);
  update @.writers
  set batch = p_batch, at_ms = @.now_ms(), outcomes = v_result
  where id = p_writer;
  return v_result;
end
$$;

create function @.apply_within(
  p_ops jsonb, p_keys bigint[], p_ids text[], p_nodes bigint[]
) returns json language plpgsql ${PLAN_SETTINGS} as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the transaction is not read committed' using errcode = '25001';
  end if;
  perform @.touch();
  return @.apply(null, p_ops, p_keys, p_ids, p_nodes);
end
$$;
`;

export const BATCH_FUNCTIONS: string = FUNCTIONS;
