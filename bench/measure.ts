/** Medians, spreads, percentiles, and how long the event loop was held up. */

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @param sorted - Ascending, at least one value */
export function percentile(sorted: readonly number[], share: number): number {
  const last = sorted.length - 1;
  return sorted[Math.min(last, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

export function summarize(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export interface Elapsed {
  readonly ms: number;
  /** Of all threads of this process. */
  readonly cpuMs: number;
  /** How late the event loop was, beyond what a timer of 1 ms is late when nothing happens. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
}

/** The monitor's own timer; its interval is part of what it reports. */
const LOOP_TIMER_MS = 1;
const NS_PER_MS = 1e6;

export async function measure(work: () => Promise<void>): Promise<Elapsed> {
  const loop = monitorEventLoopDelay({ resolution: LOOP_TIMER_MS });
  const cpu = process.cpuUsage();
  loop.enable();
  const startMs = performance.now();
  await work();
  const ms = performance.now() - startMs;
  loop.disable();
  const { user, system } = process.cpuUsage(cpu);
  const toDelayMs = (ns: number): number => Math.max(0, ns / NS_PER_MS - LOOP_TIMER_MS);
  return {
    ms,
    cpuMs: (user + system) / 1_000,
    loopDelayP99Ms: toDelayMs(loop.percentile(99)),
    loopDelayMaxMs: toDelayMs(loop.max),
  };
}

/** What a process costs that is left alone. */
export interface Idle {
  /** Of one core. */
  readonly cpuShare: number;
  /** How often one of its threads began to run, a second. */
  readonly wakeRate: number;
}

/** Does nothing for a while, and says what the process did meanwhile. */
export async function measureIdle(idleMs: number): Promise<Idle> {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const before = process.resourceUsage().voluntaryContextSwitches;
  await sleep(idleMs);
  const { user, system } = process.cpuUsage(cpu);
  const wakeCount = process.resourceUsage().voluntaryContextSwitches - before;
  const ms = Math.max(1, performance.now() - startMs);
  return { cpuShare: (user + system) / 1_000 / ms, wakeRate: wakeCount / (ms / 1_000) };
}
