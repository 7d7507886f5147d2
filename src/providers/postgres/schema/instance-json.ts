/**
 * An instance as JSON, of the row `i`; `decode.ts` reads it. `@` stands for the quoted schema name.
 *
 * It is a text and no function: PostgreSQL puts no function that contains a query in place of its
 * call, and a call takes several times as long as what it does.
 */

export const INSTANCE_JSON = `json_build_array(
    i.seq, i.id, i.name, i.version, i.run_id, i.status, i.execution, i.created_ms, i.parent,
    i.custom_status, i.custom_status_version, i.blocked, i.failure, i.output,
    (select h.at_ms from @.history h where h.instance = i.seq
     order by h.execution desc, h.first_event_id desc limit 1)
  )`;
