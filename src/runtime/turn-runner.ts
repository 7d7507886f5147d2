/**
 * Takes one instance through one turn: code, commit, aftermath.
 *
 * Boundary: knows one resident at a time; which one, and when, is the dispatcher's decision.
 *
 * I1. Effects begin only after the commit (guarantees G1, G2).
 * I2. What a turn took in is removed by its commit and by nothing else. When a resident is dropped,
 *     finished activities that it had not recorded travel through the queue instead.
 * I3. A store that fails never fails an instance: the turn is forgotten and the instance handed back
 *     (guarantee G7, weakness R3).
 * I4. Every message that is not recorded is logged with its reason (guarantee G8).
 * I5. Work that is not run here is given back until the store has taken it: a node that lives must
 *     not keep what it does not run.
 */

import { effectBytes, toEffects, type TurnSubject } from "../effects/turn-effects.ts";
import { decodeEvents } from "../history/codec.ts";
import type { RecordedEvent } from "../history/event.ts";
import { encodeMessage, type InstanceMessage } from "../history/message.ts";
import { canceledFailure, toFailure, type Failure } from "../history/failure.ts";
import { isDuroxideError } from "../foundation/errors.ts";
import { systemRandom } from "../foundation/random.ts";
import { NondeterminismError, type Divergence } from "../orchestration/errors.ts";
import type { StoreHub } from "../provider/hub.ts";
import type {
  ActivityClaim,
  BlockedReason,
  InstanceRow,
  TurnEffects,
  WriteOutcome,
} from "../provider/provider.ts";
import { abortExecution } from "../replay/abort.ts";
import type { TurnConclusion } from "../replay/conclusion.ts";
import { startTurn, type TurnResult } from "../replay/turn.ts";
import type { ActivityDispatcher } from "./activity-dispatcher.ts";
import { toConsumed, type InboxItem } from "./inbox.ts";
import type { RuntimeSettings } from "./options.ts";
import { logInstanceFailure } from "./failure-log.ts";
import { wakeForCancel } from "./parked-cancel.ts";
import { Parking, toReason } from "./parking.ts";
import { logRefusedStarts } from "./refused-start-log.ts";
import type { Resident } from "./resident.ts";

/** What became of the resident: it goes on, it has ended, or the store has it again. */
export type Fate = "stays" | "ended" | "handedBack";

/** What the effects of a turn depend on, besides the turn. */
export type TurnOwner = Pick<
  Resident,
  "execution" | "executionId" | "parent" | "runId" | "startedMs"
>;

export interface TurnRunnerParts {
  readonly settings: RuntimeSettings;
  readonly hub: StoreHub;
  readonly activities: ActivityDispatcher;
  /** Whether an answer of the store about what is queued is under way. */
  readonly isReading: () => boolean;
}

export type Concluded = Extract<TurnResult, { kind: "concluded" }>;

export class TurnRunner {
  readonly #parts: TurnRunnerParts;
  readonly #parking: Parking;

  constructor(parts: TurnRunnerParts) {
    this.#parts = parts;
    this.#parking = new Parking(parts.settings);
  }

  /** Runs a turn over everything in the inbox. */
  run(resident: Resident, onDone: (fate: Fate) => void): void {
    const items = resident.inbox.take();
    const history = resident.unreadHistory;
    resident.unreadHistory = [];
    const end = (fate: Promise<Fate>): void => {
      // Not `catch` before `then`: each promise costs every step.
      fate.then(onDone, (error: unknown) => {
        void this.#onStoreError(resident, items, error).then(onDone);
      });
    };
    const terminated = findTermination(items);
    if (resident.hasEnded) end(Promise.resolve("ended"));
    else if (terminated !== undefined) end(this.abort(resident, items, terminated));
    else {
      this.#turn(resident, { items, history }, (result) => {
        end(this.#onResult(resident, items, result));
      });
    }
  }

  #turn(
    resident: Resident,
    input: { readonly items: readonly InboxItem[]; readonly history: readonly RecordedEvent[] },
    onResult: (result: TurnResult) => void,
  ): void {
    const messages = input.items.map((item) => item.message);
    const nowMs = this.#parts.hub.provider.nowMs();
    startTurn(resident.execution, { history: input.history, messages, nowMs }, onResult);
  }

  #onResult(resident: Resident, items: readonly InboxItem[], result: TurnResult): Promise<Fate> {
    if (resident.hasEnded)
      return Promise.resolve(this.#onTooLate(resident, items, "the instance has ended"));
    if (result.kind === "concluded") return this.#commit(resident, items, result);
    return this.#onFailedReplay(resident, items, result);
  }

  async #onFailedReplay(
    resident: Resident,
    items: readonly InboxItem[],
    result: Extract<TurnResult, { kind: "diverged" }>,
  ): Promise<Fate> {
    // Its line is known, and a second run of it would take as long again.
    if (result.divergence.code === "turn_stalled")
      return this.#onDiverged(resident, items, result.divergence);
    const explained = await this.#explain(resident, items, result);
    if (explained.kind === "concluded") return this.#commit(resident, items, explained);
    return this.#onDiverged(resident, items, explained.divergence);
  }

  /**
   * Runs the turn again from the store, noting the lines of user code. A resident whose memory was
   * wrong heals here; a real divergence gets its source line.
   */
  async #explain(
    resident: Resident,
    items: readonly InboxItem[],
    found: Extract<TurnResult, { kind: "diverged" }>,
  ): Promise<TurnResult> {
    const history = await this.#readHistory(resident);
    if (history === undefined) return found;
    resident.execution = resident.execution.reborn(true);
    const result = await new Promise<TurnResult>((resolve) => {
      this.#turn(resident, { items, history }, resolve);
    });
    if (result.kind === "concluded") {
      this.#log("warn", resident, "The turn diverged in memory but not from the store; going on", {
        divergence: found.divergence.message,
      });
    }
    return result;
  }

  async #readHistory(resident: Resident): Promise<RecordedEvent[] | undefined> {
    const { provider } = this.#parts.hub;
    const rows = await provider.readHistory(resident.instanceId, resident.executionId);
    return rows?.flatMap((row) => decodeEvents(row));
  }

  async #onDiverged(
    resident: Resident,
    items: readonly InboxItem[],
    divergence: Divergence,
  ): Promise<Fate> {
    // A cancellation that came during the turn does not wait for the next try.
    const all = [...items, ...resident.inbox.take()];
    const canceled = findCancel(all);
    if (canceled !== undefined) return this.abort(resident, all, canceled);
    const isStalled = divergence.code === "turn_stalled"; // Not what the policy is about.
    if (isStalled || this.#parts.settings.nondeterminism === "park") {
      const blocked = toReason(divergence, this.#parts.hub.provider.nowMs());
      this.#log("error", resident, divergence.message, {
        eventId: divergence.eventId,
        source: divergence.source,
      });
      return this.handBack(resident, all, blocked);
    }
    const failure = toFailure(
      new NondeterminismError(divergence),
      divergence.code,
      "configuration",
    );
    return this.abort(resident, all, failure);
  }

  /** Ends the instance without its code. */
  async abort(resident: Resident, items: readonly InboxItem[], failure: Failure): Promise<Fate> {
    const { instanceId, executionId } = resident;
    const rows = (await this.#parts.hub.provider.readHistory(instanceId, executionId)) ?? [];
    const conclusion = abortExecution({
      rows,
      messages: items.map((item) => item.message),
      instanceId,
      version: resident.execution.version,
      failure,
      nowMs: this.#parts.hub.provider.nowMs(),
    });
    return this.#commit(resident, items, { kind: "concluded", dropped: [], ...conclusion });
  }

  async #commit(
    resident: Resident,
    items: readonly InboxItem[],
    conclusion: Concluded,
  ): Promise<Fate> {
    if (conclusion.events.length === 0 && items.length === 0) return "stays";
    const { hub, activities } = this.#parts;
    const effects = this.toEffects(resident, conclusion);
    let outcome: WriteOutcome;
    try {
      const consumed = toConsumed(items);
      outcome = await hub.write({ kind: "commitTurn", claim: resident.claim, consumed, effects });
    } catch (error) {
      activities.unreserve(effects.newActivities);
      activities.release(resident.claim, effects); // It may have landed although its answer was lost.
      throw error;
    }
    if (outcome.kind !== "committed") {
      activities.unreserve(effects.newActivities);
      const reason = outcome.kind === "claimLost" ? outcome.reason : outcome.kind;
      if (resident.hasEnded) return this.#onTooLate(resident, items, reason);
      this.#log("warn", resident, "A turn was refused and will be run again from the store", {
        reason,
      });
      return this.handBack(resident, items);
    }
    resident.inbox.settle(items, this.#parts.isReading());
    if (outcome.droppedMessageCount > 0) {
      this.#log("info", resident, "Messages for finished or unknown instances were dropped", {
        count: outcome.droppedMessageCount,
      });
    }
    const { logger } = this.#parts.settings;
    logRefusedStarts(logger, resident.execution, outcome.refusedStarts);
    return this.onCommitted(resident, conclusion, effects, outcome.ended);
  }

  /** The instance was ended from outside while its turn was under way. */
  #onTooLate(resident: Resident, items: readonly InboxItem[], reason: string): Fate {
    this.#log("info", resident, "A turn was dropped: its instance was ended from outside", {
      reason,
      messageCount: items.length,
    });
    return "ended";
  }

  /** The effects of a turn, ready to be written; sets room aside for what this node will run. */
  toEffects(owner: TurnOwner, conclusion: TurnConclusion): TurnEffects {
    const { execution, executionId, runId, startedMs } = owner;
    const started =
      execution.started ??
      conclusion.started ??
      conclusion.events.find((event) => event.kind === "OrchestrationStarted");
    const subject: TurnSubject = {
      instanceId: execution.instanceId,
      executionId,
      name: execution.name,
      version: execution.version,
      seed: started?.seed ?? "",
      runId,
      parent: started?.parent ?? owner.parent, // What is recorded knows more than the store's row.
      nowMs: execution.nowMs,
      startedMs: startedMs === 0 ? execution.nowMs : startedMs,
    };
    const claims = this.#parts.activities.reserve(conclusion.activities);
    return toEffects(subject, conclusion, { claims, nextSeed: () => systemRandom.uuid() });
  }

  /** Lets the effects of a durable turn out. */
  onCommitted(
    resident: Resident,
    conclusion: Concluded,
    effects: TurnEffects,
    ended?: InstanceRow,
  ): Fate | Promise<Fate> {
    const { activities, hub } = this.#parts;
    const { key } = resident.claim;
    this.#parking.forget(resident.instanceId);
    resident.bytes += effectBytes(effects);
    if (resident.startedMs === 0) resident.startedMs = resident.execution.nowMs;
    this.#logTurn(resident, conclusion); // Before what the turn has scheduled says anything.
    activities.accept(resident.claim, resident.instanceId, effects);
    activities.cancel(key, effects.cancelledActivities);
    // Their rows are gone: a turn that consumed them would be refused as a whole.
    const droppedCount = resident.inbox.dropActivities(effects.cancelledActivities);
    if (droppedCount > 0) {
      this.#log("debug", resident, "Results of activities came too late", { count: droppedCount });
    }
    const { kind } = conclusion.outcome;
    logInstanceFailure(this.#parts.settings.logger, resident.execution, conclusion.outcome);
    resident.hasEnded = kind !== "running" && kind !== "continuedAsNew"; // Before any waiter is notified.
    if (effects.change !== undefined || effects.keyValues !== undefined)
      hub.watch.notify(resident.instanceId, ended);
    return this.#next(resident, conclusion, effects);
  }

  #next(resident: Resident, conclusion: Concluded, effects: TurnEffects): Fate | Promise<Fate> {
    const { outcome } = conclusion;
    if (outcome.kind === "running") return "stays";
    if (outcome.kind !== "continuedAsNew") return "ended";
    const { orchestrations } = this.#parts.settings;
    const definition = orchestrations.resolve(resident.execution.name, outcome.version);
    this.#parts.hub.watch.notify(resident.instanceId);
    // Claimed again like any instance of code that is not here; parked with its reason then.
    if (definition === undefined) return this.handBack(resident, []);
    resident.execution = resident.execution.next(definition);
    resident.executionId = effects.executionId + 1;
    resident.startedMs = 0;
    resident.bytes = 0;
    return "stays";
  }

  /** Gives the claim back; the work stays queued. Resolves when durable, or when the store is closed. */
  async handBack(
    resident: Resident,
    items: readonly InboxItem[],
    blocked?: BlockedReason,
  ): Promise<Fate> {
    const { hub } = this.#parts;
    const { instanceId, runId } = resident;
    const left = [...items, ...resident.inbox.take()];
    const delayMs = blocked === undefined ? 0 : this.#parking.delayOf(resident.instanceId, blocked);
    const visibleAtMs = hub.provider.nowMs() + delayMs;
    const release = {
      kind: "releaseInstance",
      claim: resident.claim,
      visibleAtMs,
      ...(blocked !== undefined && { blocked }),
    } as const;
    await Promise.all([
      ...left.flatMap((item) => this.#forward(item)),
      hub.insist(release), // (I5)
    ]);
    resident.isHeld = false;
    if (blocked !== undefined)
      await wakeForCancel(hub, { instanceId, runId: runId === "" ? undefined : runId });
    hub.watch.notify(resident.instanceId); // It is parked now, or its end may come from elsewhere.
    return "handedBack";
  }

  /** (I2) */
  #forward({ origin, message }: InboxItem): Promise<unknown>[] {
    if (origin.kind !== "activity") return [];
    return [this.forward(origin.claim, message)];
  }

  /** Sends the outcome of an activity through the queue; never rejects. */
  async forward(claim: ActivityClaim, message: InstanceMessage): Promise<void> {
    const { hub, settings } = this.#parts;
    const body = encodeMessage(message);
    const isResult = message.kind === "activityCompleted";
    try {
      const outcome = await hub.write({ kind: "completeActivity", claim, body, isResult });
      if (outcome.kind === "accepted") return;
      settings.logger.log("info", "The result of an activity was dropped", {
        activityId: claim.activityId,
        reason: outcome.kind === "claimLost" ? outcome.reason : outcome.kind,
      });
    } catch (error) {
      settings.logger.log("error", "Cannot store the result of an activity; running it again", {
        activityId: claim.activityId,
        error: String(error),
      });
      const visibleAtMs = hub.provider.nowMs() + settings.parkedRetryMinMs;
      const isCrash = !isDuroxideError(error) || !error.retryable; // What no store takes is poison in the end.
      const release = { kind: "releaseActivity", claim, visibleAtMs, isCrash } as const;
      await hub.insist({ ...release, isAttemptCounted: true }); // (I5)
    }
  }

  /** (I3) */
  async #onStoreError(
    resident: Resident,
    items: readonly InboxItem[],
    error: unknown,
  ): Promise<Fate> {
    this.#log("error", resident, "Cannot commit a turn; it will be run again", {
      error: String(error),
    });
    const blocked = toReason(
      { code: "store_failed", message: `Cannot commit a turn: ${String(error)}` },
      this.#parts.hub.provider.nowMs(),
    );
    return this.handBack(resident, items, blocked);
  }

  #logTurn(resident: Resident, conclusion: Concluded): void {
    for (const line of conclusion.traces)
      this.#log(line.level, resident, line.message, line.fields ?? {});
    for (const dropped of conclusion.dropped) {
      this.#log("debug", resident, "A message was not recorded", { ...dropped });
    }
  }

  #log(
    level: "debug" | "info" | "warn" | "error",
    resident: Resident,
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#parts.settings.logger.log(level, message, {
      instanceId: resident.instanceId,
      executionId: resident.executionId,
      orchestrationName: resident.execution.name,
      orchestrationVersion: resident.execution.version,
      ...fields,
    });
  }
}

/** How an instance ends that cannot go on and is not wanted any more; undefined while it is. */
export function findCancel(items: readonly InboxItem[]): Failure | undefined {
  for (const { message } of items) {
    if (message.kind === "cancel") return canceledFailure(message.reason, message.isTerminated);
  }
  return undefined;
}

/** The same for one that is to end although its code could go on. */
function findTermination(items: readonly InboxItem[]): Failure | undefined {
  for (const { message } of items) {
    if (message.kind === "cancel" && message.isTerminated === true)
      return canceledFailure(message.reason, true);
  }
  return undefined;
}
