/**
 * What functions that the provider calls say about plans.
 *
 * - Tables are small when plans are made and large when they are used: scans of whole tables are
 *   forbidden (`enable_seqscan`). A scan that is needed all the same seems expensive then, and must not
 *   be compiled each time for that (`jit`).
 * - A statement is planned once for a connection, whatever its parameters are. Left to itself the
 *   server plans anew where a list of one looks cheaper than one of ten, which takes longer than the
 *   statement. So no statement may depend on the value of a parameter for its index: a condition that a
 *   partial index needs is written out, and rows that a list names are found one by one.
 */
export const PLAN_SETTINGS =
  "set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan";
