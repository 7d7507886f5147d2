import { describe, expect, test } from "vitest";

import { isConnectionLost, toProviderError } from "./store-errors.ts";

function fromServer(code: string): Error {
  return Object.assign(new Error(code), { code, severity: "FATAL" });
}

describe("G7 sessions that the server ends", () => {
  test.each(["57P01", "57P05", "25P03", "25P04", "08006"])("%s passes", (code) => {
    const error = fromServer(code);
    expect(isConnectionLost(error)).toBe(true);
    expect(toProviderError(error, "write to", "it").retryable).toBe(true);
  });
});
