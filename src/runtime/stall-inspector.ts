/**
 * How the watching thread finds out what the watched one is doing, and ends the process: plain JavaScript
 * in a text, a part of the code in `stall-thread.ts`. Where there is no inspector (Bun, Deno), a report
 * says less.
 *
 * N1. A session reaches the main thread and no other. It is opened while the main thread still answers.
 * N2. A worker thread is reached through the main thread, which has to answer for that. Such a session is
 *     open for the time of a question: the main thread knows nothing of it, and may end the process.
 * N3. A process that ends with a session open prints a line about debuggers: the session is closed first.
 *     A main thread that does not come back is stopped by a `debugger` statement before the call that ends
 *     the process; closing the session lets it go on.
 * N4. No command steps: V8 of Node 20 has ended a process with a fatal error at a step. Resuming and
 *     pausing check less and are refused instead.
 */

/** Defines `ask`, `die` and `disconnect`; needs `threadId`, `describeKey` and `exitCode`. */
export const INSPECTOR_SOURCE: string = `
const ANSWER_MS = 2000;
const RESUME_MS = 50;
let session;
let onPaused = () => {};
let onResumed = () => {};
const ignore = () => {};

function connect() {
  try {
    const { Session } = require("node:inspector");
    const opened = new Session();
    opened.connectToMainThread();
    opened.post("Schema.getDomains", ignore);
    session = opened;
  } catch {}
}
function disconnect() {
  try {
    session?.disconnect();
  } catch {}
  session = undefined;
}
if (threadId === 0) connect(); // (N1)

/** Calls back with a function that sends commands to the watched thread, or when a debugger may stop it. */
function attach(onAttached, onDebugged) {
  if (threadId === 0) {
    session.on("Debugger.paused", onPaused);
    session.on("Debugger.resumed", onResumed);
    onAttached((method, params = {}, onAnswer = ignore) => session?.post(method, params, onAnswer));
    return;
  }
  const answers = new Map();
  let sessionId;
  const post = (method, params = {}, onAnswer = ignore) => {
    const id = answers.size + 1;
    answers.set(id, onAnswer);
    const message = JSON.stringify({ id, method, params });
    session?.post("NodeWorker.sendMessageToWorker", { sessionId, message }, ignore);
  };
  session.on("NodeWorker.attachedToWorker", ({ params }) => {
    if (!params.workerInfo.title.startsWith("[worker " + threadId + "]")) return;
    sessionId = params.sessionId;
    setImmediate(onAttached, post); // Those beside it are attached first.
  });
  session.on("NodeWorker.receivedMessageFromWorker", ({ params }) => {
    if (params.sessionId !== sessionId) return;
    const { id, method, result } = JSON.parse(params.message);
    if (method === "Debugger.paused") onPaused();
    if (method === "Debugger.resumed") onResumed();
    answers.get(id)?.(null, result);
  });
  const expression = "globalThis.process.getBuiltinModule('node:inspector').url()";
  session.post("Runtime.evaluate", { expression }, (error, answer) => {
    if (typeof answer?.result?.value === "string") onDebugged();
    else session?.post("NodeWorker.enable", { waitForDebuggerOnStart: false }, ignore);
  });
}
function detach(post, onDetached) {
  session?.removeListener("Debugger.paused", onPaused);
  session?.removeListener("Debugger.resumed", onResumed);
  post?.("Debugger.disable");
  if (threadId === 0 || session === undefined) {
    onDetached();
    return;
  }
  const close = () => {
    clearTimeout(timer);
    disconnect(); // (N2)
    onDetached();
  };
  const timer = setTimeout(close, ANSWER_MS);
  // A session that is closed while it has some of worker threads would hold the next one up.
  session.post("NodeWorker.disable", close);
}

function toText({ instanceId, activities, source }) {
  const parts = [];
  if (instanceId !== undefined)
    parts.push("the code of instance " + JSON.stringify(instanceId) + " does not come back");
  if (activities.length > 0) parts.push("activities that run: " + activities.join(", "));
  if (source !== undefined) parts.push("at " + source);
  return parts.length === 0 ? "no code of yours is running" : parts.join("; ");
}

/**
 * Asks the watched thread what it is doing; a thread that is inside native code does not answer.
 * Calls back with a text, undefined when a debugger may stop it, and with the note of its turn.
 */
function ask(onAnswer) {
  if (threadId !== 0) connect(); // (N2)
  if (session === undefined) {
    onAnswer("what it is doing cannot be found out in this JavaScript runtime");
    return;
  }
  let post;
  let isOver = false;
  let pausesLeft = 3;
  let known;
  const end = (text) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    detach(post, () => onAnswer(text, known?.note));
  };
  onPaused = () => {
    const expression = "globalThis[Symbol.for(" + JSON.stringify(describeKey) + ")].describe()";
    // Not in a frame: those of the platform do not see every global.
    post("Runtime.evaluate", { expression, returnByValue: true }, (error, answer) => {
      let described = { activities: [] };
      try {
        described = JSON.parse(answer.result.value);
      } catch {}
      pausesLeft -= 1;
      const isBetter = known === undefined || described.instanceId !== undefined;
      if (isBetter || described.source !== undefined) known = described;
      // Between two steps of an endless chain of promises: pause again at the next step.
      if (described.source === undefined && pausesLeft > 0) post("Debugger.resume"); // (N4)
      else end(toText(known));
    });
  };
  onResumed = () => {
    if (!isOver) post("Debugger.pause");
  };
  const timer = setTimeout(() => {
    if (known !== undefined) end(toText(known));
    else if (post === undefined) end("it cannot be asked, as the main thread does not answer");
    else end("it does not answer, so it is inside native code or a synchronous system call");
  }, ANSWER_MS);
  attach((send) => {
    post = send;
    post("Debugger.enable");
    post("Debugger.pause");
  }, () => end(undefined));
}

/** Ends the process: only from inside can a status be chosen. (N3) */
function die() {
  setTimeout(() => process.kill(process.pid, "SIGKILL"), ANSWER_MS);
  const exit = "globalThis.process.reallyExit(" + exitCode + ")";
  if (threadId !== 0) {
    connect();
    const timers = "globalThis.process.getBuiltinModule('node:timers')";
    const expression = timers + ".setTimeout(() => " + exit + ", " + RESUME_MS + ").hasRef()";
    session?.post("Runtime.evaluate", { expression }, disconnect);
    return;
  }
  if (session === undefined) return;
  session.on("Debugger.paused", disconnect);
  // Later: while it is still paused, the statement would do nothing.
  setTimeout(() => {
    session.post("Debugger.enable", ignore);
    session.post("Runtime.evaluate", { expression: "debugger; " + exit }, ignore);
  }, RESUME_MS);
}
`;
