import { describeConformance, roundsOr } from "../support/conformance.ts";
import { openSqliteFile } from "../support/conformance-sqlite.ts";

describeConformance("SQLite on a file", {
  contentionRounds: roundsOr(30),
  open: () => openSqliteFile(),
});
