/** Door `duroxide-ts/testing`: what unit tests of orchestrations need. */

export {
  runTurn,
  type RunTurnOptions,
  type RunTurnResult,
  type TestAction,
  type TestEvent,
  type TestOutput,
} from "./run-turn.ts";
