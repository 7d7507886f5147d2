/**
 * What functions that begin a transaction say about plans.
 *
 * - Tables are small when plans are made and large when they are used: walks over whole tables are
 *   forbidden (`enable_seqscan`). What has to be walked all the same looks dear then, and must not be
 *   compiled each time for that (`jit`).
 * - Every statement is a walk along an index whatever its parameters are: it is planned once for a
 *   connection. Left to itself the server plans anew where a list of one looks cheaper than one of ten,
 *   which takes longer than the statement.
 */
export const PLAN_SETTINGS =
  "set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan";
