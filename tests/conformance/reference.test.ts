import { describeConformance, referenceHarness, roundsOr } from "../support/conformance.ts";

describeConformance(
  "the reference store",
  referenceHarness((store) => store, { contentionRounds: roundsOr(10_000) }),
);
