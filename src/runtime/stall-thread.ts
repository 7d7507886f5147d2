/**
 * The code of the thread that watches the event loop: plain JavaScript in a text, because a bundle has
 * no second file to load.
 *
 * T1. Time is counted in ticks of this thread: while the process is paused or the machine sleeps, none
 *     passes. A debugger that is attached to the main thread stops the count: breakpoints are no stalls.
 * T2. Nothing is sent through the main thread, which does not answer: reports go to file descriptor 2.
 * T3. The inspector is connected while the main thread still answers, and used only in a stall. Where
 *     there is none (Bun, Deno), a report says less.
 * T4. A turn that does not come back is noted once per stall, through a connection of this thread; a
 *     store that cannot be written to now, or from here, changes nothing but that.
 * T5. A thread that ends with a session open makes `process.exit()` print a line about debuggers: the
 *     session is closed before, see {@link Cell.isEnding}.
 */

/** What main thread and watcher share: 32-bit integers. */
export const Cell = {
  /** Raised by the main thread each time its event loop turns. */
  beat: 0,
  /** Ticks without a beat that make a stall. */
  ticksMax: 1,
  tickMs: 2,
  /** 1: the process is ended by a stall. */
  isFatal: 3,
  /** 1: silence says nothing, since no runtime works or a debugger may stop the main thread. */
  isIgnored: 4,
  /** 1: the process ends, close the session; 2: it is closed. */
  isEnding: 5,
  /** Ticks without a beat after which the turn is noted. */
  noteTicks: 6,
} as const;

export const CELL_COUNT = 7;

/** Where the main thread says what it is doing; read through the inspector. */
export const DESCRIBE_KEY = "duroxide-ts.stalls";

export const STALL_EXIT_CODE = 70;

export const THREAD_SOURCE: string = `
"use strict";
const { workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
const cells = new Int32Array(workerData.shared);
process.emitWarning = () => {}; // The main thread prints these warnings itself.
const { cell, describeKey, exitCode } = workerData;

let session;
try {
  const { Session } = require("node:inspector");
  session = new Session();
  session.connectToMainThread();
  session.post("Schema.getDomains", () => {});
} catch {
  session = undefined;
}
function disconnect() {
  try {
    if (session !== undefined) session.disconnect();
  } catch {}
  session = undefined;
  Atomics.store(cells, cell.isEnding, 2);
  Atomics.notify(cells, cell.isEnding);
}
if (session !== undefined && typeof Atomics.waitAsync === "function") {
  const ending = Atomics.waitAsync(cells, cell.isEnding, 0);
  if (ending.async) ending.value.then(disconnect);
  else disconnect();
}

function say(text) {
  try {
    writeSync(2, text + "\\n");
  } catch {}
}
function toText({ instanceId, activities, source }) {
  const parts = [];
  if (instanceId !== undefined)
    parts.push("the code of instance " + JSON.stringify(instanceId) + " does not come back");
  if (activities.length > 0) parts.push("activities that run: " + activities.join(", "));
  if (source !== undefined) parts.push("at " + source);
  return parts.length === 0 ? "no code of yours is running" : parts.join("; ");
}

/** Asks the main thread what it is doing; a thread that is inside native code does not answer. */
function ask(onAnswer) {
  if (session === undefined) {
    onAnswer("what it is doing cannot be found out in this JavaScript runtime");
    return;
  }
  let isOver = false;
  const end = (text, isPaused) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    onAnswer(text, isPaused, known?.note);
    session?.removeListener("Debugger.paused", onPaused);
    session?.post("Debugger.disable", () => {});
  };
  let pausesLeft = 20;
  let known;
  const onPaused = () => {
    const expression = "globalThis[Symbol.for(" + JSON.stringify(describeKey) + ")].describe()";
    // Not in a frame: those of the platform do not see every global.
    session.post("Runtime.evaluate", { expression, returnByValue: true },
      (error, answer) => {
        let described = { activities: [] };
        try {
          described = JSON.parse(answer.result.value);
        } catch {}
        pausesLeft -= 1;
        const isBetter = known === undefined || described.instanceId !== undefined;
        if (isBetter || described.source !== undefined) known = described;
        if (described.source !== undefined || pausesLeft === 0) {
          end(toText(known), true);
          return;
        }
        // Between two steps of an endless chain of promises: pause again at the next step.
        session?.post("Debugger.stepInto", () => {});
      });
  };
  const timer = setTimeout(() => {
    end(known === undefined
      ? "it does not answer, so it is inside native code or a synchronous system call"
      : toText(known));
  }, 2000);
  session.on("Debugger.paused", onPaused);
  session.post("Debugger.enable", () => {});
  session.post("Debugger.pause", () => {});
}

function die(isPaused) {
  if (isPaused !== true) {
    process.kill(process.pid, "SIGKILL"); // Only from inside can a status be chosen.
    return;
  }
  const expression = "globalThis.process.reallyExit(" + exitCode + ")";
  session.post("Runtime.evaluate", { expression }, () => {});
}

let seen = cells[cell.beat];
let silentTicks = 0;
let silentMs = 0;
let isStalled = false;
let isNoted = false;
let asked = Promise.resolve();
const afterOthers = (work) => {
  asked = asked.then(work).catch(() => {});
};

/** (T4) */
function note() {
  isNoted = true;
  afterOthers(() => new Promise((resolve) => ask((what, isPaused, note) => resolve(note))).then(
    (note) => note && new Function("require", "data", note.source)(require, note.data)));
}

function onStall() {
  isStalled = true;
  const isFatal = cells[cell.isFatal] === 1;
  const ms = Math.round(silentMs);
  afterOthers(() => new Promise((resolve) => ask((what, isPaused) => {
    resolve();
    say("duroxide-ts: the event loop of process " + process.pid + " has not turned for " + ms +
      " ms: " + what + (isFatal ? "; ending the process" : ""));
    if (isFatal) die(isPaused);
  })));
}

function tick() {
  const beat = Atomics.load(cells, cell.beat);
  if (beat !== seen || Atomics.load(cells, cell.isIgnored) === 1) {
    if (isStalled)
      say("duroxide-ts: the event loop of process " + process.pid + " turns again after " +
        Math.round(silentMs) + " ms");
    seen = beat;
    silentTicks = 0;
    silentMs = 0;
    isStalled = false;
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
