import { SqliteProvider } from "../../src/providers/sqlite/index.ts";
import { describeConformance, HandClock, roundsOr } from "../support/conformance.ts";

describeConformance("SQLite in memory", {
  contentionRounds: roundsOr(200),
  open: async () => {
    const clock = new HandClock();
    const provider = await SqliteProvider.inMemory({ clock });
    return { provider, advanceClock: clock.advance };
  },
});
