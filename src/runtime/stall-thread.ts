/**
 * The code of the thread that watches an event loop, that of the main thread or of a worker thread: plain
 * JavaScript in a text, because a bundle has no second file to load.
 *
 * T1. Time is counted in ticks of this thread: while the process is paused or the machine sleeps, none
 *     passes. A debugger that is attached to the process stops the count: breakpoints are no stalls.
 * T2. Nothing is sent through the watched thread, which does not answer: reports go to file descriptor 2.
 * T3. The watched thread is asked only in a stall (`stall-inspector.ts`).
 * T4. A turn that does not come back is noted once per stall, through a connection of this thread; a
 *     store that cannot be written to now, or from here, changes nothing but that.
 * T5. The session of the inspector is closed before the process ends, see {@link Cell.isEnding}.
 */

import { INSPECTOR_SOURCE } from "./stall-inspector.ts";

/** What the watched thread and the watcher share: 32-bit integers. */
export const Cell = {
  /** Raised by the watched thread each time its event loop turns. */
  beat: 0,
  /** Ticks without a beat that make a stall. */
  ticksMax: 1,
  tickMs: 2,
  /** 1: the process is ended by a stall. */
  isFatal: 3,
  /** 1: silence says nothing, since no runtime works or a debugger may stop the thread. */
  isIgnored: 4,
  /** 1: the process ends, close the session; 2: it is closed. */
  isEnding: 5,
  /** Ticks without a beat after which the turn is noted. */
  noteTicks: 6,
} as const;

export const CELL_COUNT = 7;

/** Where the watched thread says what it is doing; read through the inspector. */
export const DESCRIBE_KEY = "duroxide-ts.stalls";

export const STALL_EXIT_CODE = 70;

export const THREAD_SOURCE: string = `
"use strict";
const { workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
const cells = new Int32Array(workerData.shared);
process.emitWarning = () => {}; // The main thread prints these warnings itself.
const { cell, describeKey, exitCode, threadId } = workerData;
${INSPECTOR_SOURCE}
function onEnding() {
  disconnect();
  Atomics.store(cells, cell.isEnding, 2);
  Atomics.notify(cells, cell.isEnding);
}
if (typeof Atomics.waitAsync === "function") {
  const ending = Atomics.waitAsync(cells, cell.isEnding, 0);
  if (ending.async) ending.value.then(onEnding);
  else onEnding();
}

const LOOP = "the event loop of " + (threadId === 0 ? "" : "worker thread " + threadId + " of ") +
  "process " + process.pid;
function say(text) {
  try {
    writeSync(2, "duroxide-ts: " + LOOP + " " + text + "\\n");
  } catch {}
}

let seen = cells[cell.beat];
let silentTicks = 0;
let silentMs = 0;
let isStalled = false;
let isReported = false;
let isNoted = false;
let asked = Promise.resolve();
/** One question at a time. */
function askNext(onAnswer) {
  const answered = asked.then(() => new Promise((resolve) => ask((what, note) => resolve({ what, note }))));
  asked = answered.then(onAnswer).catch(() => {});
}

/** (T4) */
function note() {
  isNoted = true;
  askNext(({ note }) => note && new Function("require", "data", note.source)(require, note.data));
}

function onStall() {
  isStalled = true;
  const isFatal = cells[cell.isFatal] === 1;
  const ms = Math.round(silentMs);
  askNext(({ what }) => {
    if (what === undefined) return; // (T1)
    isReported = true;
    say("has not turned for " + ms + " ms: " + what + (isFatal ? "; ending the process" : ""));
    if (isFatal) die();
  });
}

function tick() {
  const beat = Atomics.load(cells, cell.beat);
  if (beat !== seen || Atomics.load(cells, cell.isIgnored) === 1) {
    if (isReported) say("turns again after " + Math.round(silentMs) + " ms");
    seen = beat;
    silentTicks = 0;
    silentMs = 0;
    isStalled = false;
    isReported = false;
    isNoted = false;
  } else {
    silentTicks += 1;
    silentMs += cells[cell.tickMs];
    if (!isNoted && silentTicks >= cells[cell.noteTicks]) note();
    if (!isStalled && silentTicks >= cells[cell.ticksMax]) onStall();
  }
  setTimeout(tick, cells[cell.tickMs]);
}
setTimeout(tick, cells[cell.tickMs]);
`;
