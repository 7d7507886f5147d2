/** The first schema: tables, views for others, and the functions that do the work. */

import type { Migration } from "../migrate.ts";
import { BATCH_FUNCTIONS } from "./batch-functions.ts";
import { CLAIM_FUNCTIONS } from "./claim-functions.ts";
import { MESSAGE_FUNCTIONS } from "./message-functions.ts";
import { OPERATION_FUNCTIONS } from "./operation-functions.ts";
import { START_FUNCTIONS } from "./start-functions.ts";
import { TABLES } from "./tables.ts";
import { TURN_FUNCTIONS } from "./turn-functions.ts";
import { VIEWS } from "./views.ts";

export const initial: Migration = {
  number: 1,
  name: "initial",
  kind: "breaking",
  sql: [
    TABLES,
    VIEWS,
    MESSAGE_FUNCTIONS,
    START_FUNCTIONS,
    TURN_FUNCTIONS,
    OPERATION_FUNCTIONS,
    BATCH_FUNCTIONS,
    CLAIM_FUNCTIONS,
  ].join("\n"),
};
