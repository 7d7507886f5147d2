/**
 * Counting crashes against rows of work (P8 of the contract), and taking them back: each row names the
 * nodes behind its count.
 *
 * I1. A node is counted once: it leaves the list once. It is taken back once: it is named once.
 * I2. At most {@link NODES_MAX} nodes are named, the latest ones. An earlier one stays counted: such a
 *     row has long been given up under any bound but one that is meant to be none.
 */

const NODES_MAX = 64;

const NODES = "coalesce(crashed_nodes, '[]')";

/** Counts a node, the statement's first parameter. */
export const COUNT: string = `crashes = crashes + 1,
  crashed_nodes = json_insert(
    iif(json_array_length(${NODES}) < ${NODES_MAX}, ${NODES}, json_remove(${NODES}, '$[0]')),
    '$[#]', ?
  )`;

/** Takes a node back, the statement's first parameter. */
export const UNCOUNT = `crashes = crashes - 1,
  crashed_nodes = (
    select json_group_array(c.value)
    from json_each(crashed_nodes) c
    where c.value <> ?
  )`;

/** Whether a row counts the node of the parameter. */
export const IS_COUNTED = `crashes > 0
  and exists (
    select 1
    from json_each(crashed_nodes) c
    where c.value = ?
  )`;
