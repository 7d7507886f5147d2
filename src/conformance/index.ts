/** Door `duroxide-ts/conformance`: the contract of stores as cases that any test runner can run. */

export type { CaseOutcome, ConformanceCase } from "./case.ts";
export { conformanceCases, plannedConcerns } from "./catalog.ts";
export { ConformanceError } from "./expectation.ts";
export type { ConformanceHarness, ConformanceStore, CrashPoints } from "./harness.ts";
export { ReferenceStore, type ReferenceStoreOptions } from "./reference-store.ts";
