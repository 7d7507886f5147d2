/** All tables of one connection. */

import { Activities } from "./activities.ts";
import type { Connection } from "./driver.ts";
import { History } from "./history.ts";
import { Instances } from "./instances.ts";
import { KeyValues } from "./key-values.ts";
import { Messages } from "./messages.ts";
import { Nodes } from "./nodes.ts";
import { Timers } from "./timers.ts";

/** Every statement is prepared once, here. */
export interface Tables {
  readonly instances: Instances;
  readonly history: History;
  readonly messages: Messages;
  readonly timers: Timers;
  readonly activities: Activities;
  readonly keyValues: KeyValues;
  readonly nodes: Nodes;
}

export function prepareTables(connection: Connection): Tables {
  return {
    instances: new Instances(connection),
    history: new History(connection),
    messages: new Messages(connection),
    timers: new Timers(connection),
    activities: new Activities(connection),
    keyValues: new KeyValues(connection),
    nodes: new Nodes(connection),
  };
}
