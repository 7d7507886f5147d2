/** The statements of the provider; `@` stands for the quoted schema name. */

import { INSTANCE_JSON } from "./schema/instance-json.ts";

export const WRITE = `
select @.write($1::uuid, $2::bigint, $3::jsonb, $4::bigint[], $5::text[], $6::bigint[])::text as answer`;

export const CLAIM_INSTANCES = `
select @.claim_instances(
  $1::bigint, $2::uuid, $3::boolean, $4::integer, $5::bigint, $6::bigint, $7::bigint[], $8::jsonb
)::text as answer`;

export const CLAIM_ACTIVITIES = `
select @.claim_activities(
  $1::bigint, $2::uuid, $3::boolean, $4::integer, $5::bigint, $6::bigint, $7::bigint[]
)::text as answer`;

export const HAS_WORK = "select @.has_claimable_work()::text as answer";
export const READ_HELD = "select @.read_held_work($1::bigint, $2::integer)::text as answer";
export const NEXT_DUE = "select @.next_due_ms($1::bigint)::text as answer";
export const FIND_LOST = "select to_json(@.find_lost_activities($1::jsonb))::text as answer";
export const UNBLOCK = "select @.unblock_work($1::uuid)";

export const REGISTER =
  "select @.register_node($1::uuid, $2::text, $3::bigint, $4::jsonb)::text as answer";
export const REMOVE_NODE =
  "select @.remove_node($1::uuid, $2::bigint, $3::bigint, $4::boolean)::text as answer";
export const TAKE_BACK_CRASH = "select @.take_back_crash($1::bigint)";

export const RENEW = `
update @.nodes
set renewals = renewals + 1, stall = null
where id = $1::bigint`;

export const LIST_NODES = `
select id, label, lease_ms, renewals
from @.nodes
order by id`;

const ROWS = `
select ${INSTANCE_JSON}::text as answer
from @.instances i`;

export const READ_INSTANCES: string =
  ROWS +
  `
where i.id = any ($1::text[])`;

export const LIST_CHILDREN: string =
  ROWS +
  `
where (i.parent ->> 'instanceId') collate "C" = $1::text
  and i.parent is not null
order by i.seq`;

/** Changes with every commit of another process; with the time, no two states look the same. */
export const READ_VERSION = `
select coalesce(sum(batch), 0) || '/' || count(*) || '/' || coalesce(max(at_ms), 0) as answer
from @.writers
where id <> $1::uuid`;

/**
 * Takes away the rows of processes that are long gone, and reads the clock and the isolation. Who
 * closes leaves its row: without it, readers of the list would not see that it ever wrote.
 */
export const OPEN = `
with gone as (
  delete from @.writers
  where at_ms < @.now_ms() - $1::bigint
)
select @.now_ms() || ' ' || current_setting('transaction_isolation') as answer`;
