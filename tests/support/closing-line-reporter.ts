import process from "node:process";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/**
 * Ends every run with one plain line, "N passed, N failed", and before it "N skipped" if any were.
 *
 * And its exit status: what else runs in the process may have set it to 0.
 *
 * A file that cannot be loaded and an error outside of all tests count as failed: the line never
 * looks green when the exit code is not.
 */
export class ClosingLineReporter implements Reporter {
  #line: string | undefined;
  #hasFailed = false;

  onInit(): void {
    // Written on exit, because other reporters and coverage print after the end of the run.
    process.once("exit", () => {
      if (this.#line !== undefined) process.stdout.write(`${this.#line}\n`);
      if (this.#hasFailed) process.exitCode = 1;
    });
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const failedBefore = count.failed;
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      if (module.state() === "failed" && count.failed === failedBefore) count.failed += 1;
    }
    const skipped = count.skipped + count.pending;
    const before = skipped > 0 ? `${skipped} skipped\n` : "";
    this.#hasFailed = count.failed > 0;
    this.#line = `${before}${count.passed} passed, ${count.failed} failed`;
  }
}
