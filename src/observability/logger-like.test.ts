import { Writable } from "node:stream";

import pino from "pino";
import { describe, expect, test, vi } from "vitest";
import winston from "winston";

import { toLogger } from "./logger-like.ts";

/** Collects what a logger writes, as JSON. */
function collect(): { readonly lines: Record<string, unknown>[]; readonly stream: Writable } {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(JSON.parse(String(chunk)) as Record<string, unknown>);
      done();
    },
  });
  return { lines, stream };
}

const FIELDS = { instanceId: "i-1", attempt: 2 };

describe("toLogger()", () => {
  test("F45 takes pino", () => {
    const { lines, stream } = collect();
    const logger = toLogger(pino({ level: "warn" }, stream));
    logger?.log("info", "dropped", {});
    logger?.log("warn", "Activity failed", FIELDS);
    expect(lines).toMatchObject([{ level: 40, msg: "Activity failed", ...FIELDS }]);
  });

  test("F45 takes winston", async () => {
    const { lines, stream } = collect();
    const target = winston.createLogger({ level: "warn" });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Its own types.
    target.add(new winston.transports.Stream({ stream }));
    const logger = toLogger(target);
    logger?.log("info", "dropped", {});
    logger?.log("error", "Orchestration failed", FIELDS);
    await vi.waitFor(() => {
      expect(lines).toMatchObject([{ level: "error", message: "Orchestration failed", ...FIELDS }]);
    });
  });

  test("F45 takes the console, with its levels", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    toLogger(console)?.log("warn", "Activity failed", FIELDS);
    expect(warn.mock.calls).toEqual([["Activity failed", FIELDS]]);
    warn.mockRestore();
  });

  test("takes one of ours as it is", () => {
    const logger = { log: () => undefined };
    expect(toLogger(logger)).toBe(logger);
  });

  test.each([[null], [undefined], ["text"], [{}], [{ info: () => undefined }]])(
    "knows no logger in %o",
    (logger) => {
      expect(toLogger(logger as never)).toBeUndefined();
    },
  );
});
