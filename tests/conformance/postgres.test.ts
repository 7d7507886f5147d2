import { describeConformance, roundsOr } from "../support/conformance.ts";
import { openPostgres } from "../support/conformance-postgres.ts";

describeConformance("PostgreSQL", { contentionRounds: roundsOr(20), open: openPostgres });
