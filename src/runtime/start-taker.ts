/**
 * Takes starts of this process: the first turn runs before anything is written, and lands in one
 * commit with the start.
 *
 * I1. The caller's promise resolves after the commit (guarantee G3).
 * I2. Where that is not possible, the start is queued and claimed like any other.
 * I3. A start that landed although its answer was lost leaves nothing behind that is claimed by this
 *     node and not run by it.
 */

import { decodeMessage } from "../history/message.ts";
import type { OrchestrationDefinition } from "../orchestration/define.ts";
import type { StoreHub } from "../provider/hub.ts";
import type {
  InstanceRow,
  NodeId,
  StartRequest,
  TurnEffects,
  WriteOutcome,
} from "../provider/provider.ts";
import type { Execution } from "../replay/execution.ts";
import { startTurn, type TurnResult } from "../replay/turn.ts";
import type { ActivityDispatcher } from "./activity-dispatcher.ts";
import { createExecution } from "./intake.ts";
import type { NodeKeeper } from "./node-keeper.ts";
import type { RuntimeSettings } from "./options.ts";
import { logRefusedStarts } from "./refused-start-log.ts";
import { Resident } from "./resident.ts";
import type { Concluded, TurnRunner } from "./turn-runner.ts";

export interface StartTakerParts {
  readonly settings: RuntimeSettings;
  readonly hub: StoreHub;
  readonly nodes: NodeKeeper;
  readonly activities: ActivityDispatcher;
  readonly runner: TurnRunner;
  /** Called at once when a start has landed: the resident is held, and its first turn was this one. */
  readonly onStarted: (resident: Resident, first: Concluded, effects: TurnEffects) => void;
}

/** A start and how its caller wants it. */
export interface WantedStart {
  readonly request: StartRequest;
  readonly definition: OrchestrationDefinition;
  /** How long retryable errors of the store are retried, in milliseconds. */
  readonly retryMs: number;
}

interface FirstTurn {
  readonly execution: Execution;
  readonly conclusion: Concluded;
  readonly node: NodeId;
}

export class StartTaker {
  readonly #parts: StartTakerParts;

  constructor(parts: StartTakerParts) {
    this.#parts = parts;
  }

  async take(wanted: WantedStart): Promise<WriteOutcome> {
    const { hub, nodes, settings } = this.#parts;
    const { request, definition } = wanted;
    const execution = createExecution(settings, definition, request.instanceId);
    const messages = [decodeMessage(request.body)];
    const result = await new Promise<TurnResult>((resolve) => {
      startTurn(execution, { history: [], messages, nowMs: hub.provider.nowMs() }, resolve);
    });
    const node = nodes.current;
    if (result.kind === "concluded" && node !== undefined) {
      const outcome = await this.#land(wanted, { execution, conclusion: result, node });
      if (outcome.kind !== "claimLost") return outcome;
    }
    return this.queue(wanted); // A divergence is found again then, and parked with its reason.
  }

  /** (I2) */
  queue({ request, retryMs }: WantedStart): Promise<WriteOutcome> {
    return this.#parts.hub.write({ kind: "startInstance", request }, retryMs);
  }

  async #land(wanted: WantedStart, first: FirstTurn): Promise<WriteOutcome> {
    const { hub, activities, runner, settings } = this.#parts;
    const { request, retryMs } = wanted;
    const { execution, conclusion, node } = first;
    const { parent, runId } = request;
    const owner = { execution, executionId: 1, parent, runId, startedMs: 0 };
    const effects = runner.toEffects(owner, conclusion);
    let outcome: WriteOutcome;
    try {
      const firstTurn = { node, effects };
      outcome = await hub.write({ kind: "startInstance", request, firstTurn }, retryMs);
    } catch (error) {
      activities.unreserve(effects.newActivities);
      void this.#disownUnheard(request, node, effects);
      throw error;
    }
    if (outcome.kind === "started") {
      const claim = { key: outcome.key, node, epoch: 1 };
      const resident = new Resident(request.instanceId, claim, execution);
      resident.parent = parent;
      resident.runId = runId;
      logRefusedStarts(settings.logger, execution, outcome.refusedStarts);
      this.#parts.onStarted(resident, conclusion, effects);
      return outcome;
    }
    activities.unreserve(effects.newActivities);
    if (outcome.kind === "idInUse" && outcome.isSame) {
      await this.#disown(outcome.existing, node, effects);
    }
    return outcome;
  }

  /** (I3) */
  async #disownUnheard(request: StartRequest, node: NodeId, effects: TurnEffects): Promise<void> {
    try {
      const rows = await this.#parts.hub.provider.readInstances([request.instanceId]);
      const row = rows.find(({ runId }) => runId === request.runId);
      if (row !== undefined) await this.#disown(row, node, effects);
    } catch {
      // The store does not answer at all; the caller has its error.
    }
  }

  /** (I3) Hands back what an earlier try of the same start may have claimed. */
  async #disown({ key }: InstanceRow, node: NodeId, effects: TurnEffects): Promise<void> {
    const { hub, activities } = this.#parts;
    const claim = { key, node, epoch: 1 };
    activities.release(claim, effects);
    const visibleAtMs = hub.provider.nowMs();
    await hub.insist({ kind: "releaseInstance", claim, visibleAtMs });
    hub.wakeAll();
  }
}
