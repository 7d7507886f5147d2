/**
 * Which code belongs to a name and a version.
 *
 * Orchestrations have versions (semantic versions, increasing by registration) and a policy per name
 * that chooses one for new executions; activities have none. (Semantics section 15.)
 */

import semver from "semver";

import { UsageError } from "../foundation/errors.ts";
import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { showValue } from "../foundation/option-values.ts";
import { assertMaker, guardMethods, MAKER } from "../foundation/own-object.ts";
import type { ActivityContext } from "./activity-context.ts";
import type { OrchestrationContext } from "./context.ts";
import {
  defineActivity,
  defineOrchestration,
  type ActivityDefinition,
  type OrchestrationDefinition,
} from "./define.ts";
import { isVersion } from "./version.ts";
import { findWrong, type RegisteredKind } from "./wrong-definition.ts";

/** Which version new executions of a name get. */
export type VersionPolicy = "latest" | { readonly exact: string };

const POLICY_OPTIONS: OptionNames<Exclude<VersionPolicy, string>> = { exact: true };

/** Activities by name. Immutable. */
export class ActivityRegistry {
  readonly #byName: ReadonlyMap<string, ActivityDefinition>;

  static {
    guardMethods(this, "registry", (it) => #byName in it);
  }

  private constructor(maker: typeof MAKER, byName: ReadonlyMap<string, ActivityDefinition>) {
    assertMaker(maker, "registry", "ActivityRegistry.builder()");
    this.#byName = byName;
  }

  static builder(): ActivityRegistryBuilder {
    return new ActivityRegistryBuilder((byName) => new ActivityRegistry(MAKER, byName));
  }

  get(name: string): ActivityDefinition | undefined {
    return this.#byName.get(name);
  }
  has(name: string): boolean {
    return this.#byName.has(name);
  }
  /** Sorted. */
  names(): string[] {
    return [...this.#byName.keys()].sort();
  }
  get count(): number {
    return this.#byName.size;
  }
  definitions(): ActivityDefinition[] {
    return [...this.#byName.values()];
  }
}

/** Collects activities; `build()` reports everything that is wrong at once. */
export class ActivityRegistryBuilder {
  readonly #definitions: ActivityDefinition[] = [];
  readonly #create: (byName: ReadonlyMap<string, ActivityDefinition>) => ActivityRegistry;

  static {
    guardMethods(this, "builder", (it) => #definitions in it);
  }

  constructor(create: (byName: ReadonlyMap<string, ActivityDefinition>) => ActivityRegistry) {
    this.#create = create;
  }

  register<In, Out>(definition: ActivityDefinition<In, Out>): this;
  register<In, Out>(
    name: string,
    run: (input: In, ctx: ActivityContext) => Out | PromiseLike<Out>,
  ): this;
  register(nameOrDefinition: string | ActivityDefinition, run?: ActivityDefinition["run"]): this {
    this.#definitions.push(
      typeof nameOrDefinition === "string"
        ? defineActivity(nameOrDefinition, run as never)
        : checked(nameOrDefinition, "activity"),
    );
    return this;
  }

  merge(other: ActivityRegistry): this {
    this.#definitions.push(...other.definitions());
    return this;
  }

  /** @throws UsageError `duplicate_definition` naming every clash */
  build(): ActivityRegistry {
    const byName = new Map<string, ActivityDefinition>();
    const problems: string[] = [];
    for (const definition of this.#definitions) {
      const known = byName.get(definition.name);
      if (known === definition) continue; // The same value through two libraries is no clash.
      if (known !== undefined) problems.push(`activity "${definition.name}" is registered twice`);
      else byName.set(definition.name, definition);
    }
    throwProblems(problems);
    return this.#create(byName);
  }
}

interface VersionedName {
  /** Ascending. */
  readonly versions: readonly OrchestrationDefinition[];
  policy: VersionPolicy;
}

/** Orchestrations by name and version. Immutable but for its version policies. */
export class OrchestrationRegistry {
  readonly #byName: ReadonlyMap<string, VersionedName>;

  static {
    guardMethods(this, "registry", (it) => #byName in it);
  }

  private constructor(maker: typeof MAKER, byName: ReadonlyMap<string, VersionedName>) {
    assertMaker(maker, "registry", "OrchestrationRegistry.builder()");
    this.#byName = byName;
  }

  static builder(): OrchestrationRegistryBuilder {
    return new OrchestrationRegistryBuilder((byName) => new OrchestrationRegistry(MAKER, byName));
  }

  /** What a new execution runs: the version asked for, or what the name's policy says. */
  resolve(name: string, version?: string): OrchestrationDefinition | undefined {
    const entry = this.#byName.get(name);
    if (entry === undefined) return undefined;
    const wanted = version ?? (entry.policy === "latest" ? undefined : entry.policy.exact);
    if (wanted === undefined) return entry.versions.at(-1);
    return entry.versions.find((definition) => definition.version === wanted);
  }

  /**
   * Changes what new executions of a name get; running ones keep their version.
   *
   * @throws UsageError `invalid_argument` for a name or a version that is not registered
   */
  setVersionPolicy(name: string, policy: VersionPolicy): void {
    assertPolicy(name, policy);
    const entry = this.#byName.get(name);
    if (entry === undefined) {
      throw new UsageError(
        "invalid_argument",
        `Cannot set the version policy of "${name}": no such orchestration is registered; register it first`,
      );
    }
    const problem = findPolicyProblem(policy, entry.versions);
    if (problem !== undefined) {
      throw new UsageError(
        "invalid_argument",
        `Cannot set the version policy of "${name}": ${problem}; pass "latest" or one that is registered`,
      );
    }
    entry.policy = policy;
  }

  /** What new executions of a name get. */
  policyOf(name: string): VersionPolicy {
    return this.#byName.get(name)?.policy ?? "latest";
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }
  /** Sorted. */
  names(): string[] {
    return [...this.#byName.keys()].sort();
  }
  /** Ascending; empty for an unknown name. */
  versions(name: string): string[] {
    return this.#byName.get(name)?.versions.map((definition) => definition.version) ?? [];
  }
  /** Number of names. */
  get count(): number {
    return this.#byName.size;
  }
  definitions(): OrchestrationDefinition[] {
    return [...this.#byName.values()].flatMap((entry) => entry.versions);
  }
}

/** Collects orchestrations; `build()` reports everything that is wrong at once. */
export class OrchestrationRegistryBuilder {
  readonly #definitions: OrchestrationDefinition[] = [];
  readonly #policies = new Map<string, VersionPolicy>();
  readonly #create: (byName: ReadonlyMap<string, VersionedName>) => OrchestrationRegistry;

  static {
    guardMethods(this, "builder", (it) => #definitions in it);
  }

  constructor(create: (byName: ReadonlyMap<string, VersionedName>) => OrchestrationRegistry) {
    this.#create = create;
  }

  register<In, Out>(definition: OrchestrationDefinition<In, Out>): this;
  register<In, Out>(
    name: string,
    run: (ctx: OrchestrationContext, input: In) => Out | PromiseLike<Out>,
  ): this;
  register(
    nameOrDefinition: string | OrchestrationDefinition,
    run?: OrchestrationDefinition["run"],
  ): this {
    this.#definitions.push(
      typeof nameOrDefinition === "string"
        ? defineOrchestration(nameOrDefinition, run as never)
        : checked(nameOrDefinition, "orchestration"),
    );
    return this;
  }

  registerVersioned<In, Out>(
    name: string,
    version: string,
    run: (ctx: OrchestrationContext, input: In) => Out | PromiseLike<Out>,
  ): this {
    this.#definitions.push(defineOrchestration({ name, version, run }));
    return this;
  }

  /**
   * @default "latest"
   * @throws UsageError `invalid_argument` for what is no policy; {@link build} says what it does not find
   */
  versionPolicy(name: string, policy: VersionPolicy): this {
    assertPolicy(name, policy);
    this.#policies.set(name, policy);
    return this;
  }

  /** Takes over definitions and version policies; a policy that was set here stays. */
  merge(other: OrchestrationRegistry): this {
    for (const definition of other.definitions()) {
      this.#definitions.push(definition);
      const { name } = definition;
      if (!this.#policies.has(name)) this.#policies.set(name, other.policyOf(name));
    }
    return this;
  }

  /**
   * @throws UsageError `duplicate_definition` naming every clash and every version that is not higher
   *   than the ones before it, `invalid_definition` also for policies of what is not registered
   */
  build(): OrchestrationRegistry {
    const byName = new Map<
      string,
      { versions: OrchestrationDefinition[]; policy: VersionPolicy }
    >();
    const problems: string[] = [];
    for (const definition of this.#definitions) {
      const { name, version } = definition;
      const entry = byName.get(name) ?? {
        versions: [],
        policy: this.#policies.get(name) ?? "latest",
      };
      byName.set(name, entry);
      if (entry.versions.includes(definition)) continue;
      const problem = findVersionProblem(entry.versions, version);
      if (problem === undefined) entry.versions.push(definition);
      else problems.push(`orchestration "${name}" version "${version}" ${problem}`);
    }
    const misfits: string[] = [];
    for (const [name, policy] of this.#policies) {
      const entry = byName.get(name);
      if (entry === undefined) {
        misfits.push(`a version policy names the unknown orchestration "${name}"`);
        continue;
      }
      const problem = findPolicyProblem(policy, entry.versions);
      if (problem !== undefined) misfits.push(`the version policy of "${name}" fails: ${problem}`);
    }
    throwProblems(problems, misfits);
    return this.#create(byName);
  }
}

/** @throws UsageError `invalid_argument` for what is none */
function assertPolicy(name: string, policy: unknown): void {
  if (policy === "latest") return;
  if (typeof policy === "object" && policy !== null) {
    assertKnownOptions(policy, POLICY_OPTIONS, `the version policy of "${name}"`);
    if (isVersion((policy as { readonly exact?: unknown }).exact)) return;
  }
  const { exact } = (policy ?? {}) as { readonly exact?: unknown };
  const actual = typeof policy === "object" ? `{ exact: ${showValue(exact)} }` : showValue(policy);
  throw new UsageError(
    "invalid_argument",
    `Cannot set the version policy of "${name}": it is ${actual}; pass "latest" or { exact: "1.2.0" }`,
  );
}

function findPolicyProblem(
  policy: VersionPolicy,
  versions: readonly OrchestrationDefinition[],
): string | undefined {
  if (policy === "latest" || versions.some(({ version }) => version === policy.exact)) {
    return undefined;
  }
  const known = versions.map(({ version }) => version).join(", ");
  return `version "${policy.exact}" is not registered, only ${known}`;
}

function checked<D>(definition: D, kind: RegisteredKind): D {
  const wrong = findWrong(definition, kind);
  if (wrong === undefined) return definition;
  throw new UsageError(
    "invalid_argument",
    `Cannot register ${wrong.what} as ${kind}: it does not define one; ${wrong.instead}`,
  );
}

function findVersionProblem(
  earlier: readonly OrchestrationDefinition[],
  version: string,
): string | undefined {
  if (earlier.some((definition) => definition.version === version)) return "is registered twice";
  const highest = earlier.at(-1)?.version;
  if (highest !== undefined && !semver.gt(version, highest)) {
    return `is registered after the higher version "${highest}"; register versions in ascending order`;
  }
  return undefined;
}

/**
 * @param clashes - Of definitions with each other
 * @param misfits - Policies that no definition fits
 */
function throwProblems(clashes: readonly string[], misfits: readonly string[] = []): void {
  const problems = [...clashes, ...misfits];
  if (problems.length === 0) return;
  const advice = [
    ...(clashes.length > 0 ? ["rename or remove what clashes"] : []),
    ...(misfits.length > 0 ? ["register what a policy names, or correct the policy"] : []),
  ];
  throw new UsageError(
    misfits.length > 0 ? "invalid_definition" : "duplicate_definition",
    `Cannot build the registry: ${problems.join("; ")}; ${advice.join("; ")}`,
    { details: { problems } },
  );
}
