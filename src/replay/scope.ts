/**
 * The lifetime of a branch: its open operations, and the scopes inside it.
 *
 * I1. When a scope closes, its open operations reject with a `CanceledError` (`branch_lost`), so that
 *     the branch can clean up and end; what it schedules later throws `scope_closed`.
 * I2. A scope hangs on its parent only while it has something open: finished branches leave nothing
 *     behind.
 */

import type { Operation } from "./operation.ts";

export class Scope {
  readonly #operations = new Set<Operation>();
  /** Made for the first branch: most scopes have none. */
  #children: Set<Scope> | undefined;
  readonly #parent: Scope | undefined;
  #isClosed = false;

  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  get isClosed(): boolean {
    return this.#isClosed || this.#parent?.isClosed === true;
  }

  /** Whether it is the execution's own, not a branch's. */
  get isRoot(): boolean {
    return this.#parent === undefined;
  }

  /** Whether it is `other`, or inside of it. */
  isWithin(other: Scope): boolean {
    return this === other || this.#parent?.isWithin(other) === true;
  }

  add(operation: Operation): void {
    if (this.#isEmpty()) this.#attach();
    this.#operations.add(operation);
  }

  remove(operation: Operation): void {
    if (this.#operations.delete(operation) && this.#isEmpty()) this.#detach();
  }

  /**
   * @param reason - What the breadcrumbs of its operations say
   * @returns Whether code of the branch goes on because of it
   */
  close(reason: string): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    const operations = [...this.#operations];
    const children = [...(this.#children ?? [])];
    for (const operation of operations) operation.close(reason);
    for (const child of children) child.close(reason);
    return operations.length > 0 || children.length > 0;
  }

  #adopt(child: Scope): void {
    if (this.#isEmpty()) this.#attach();
    (this.#children ??= new Set()).add(child);
  }

  #release(child: Scope): void {
    if (this.#children?.delete(child) === true && this.#isEmpty()) this.#detach();
  }

  #attach(): void {
    if (this.#parent !== undefined) this.#parent.#adopt(this);
  }

  #detach(): void {
    if (this.#parent !== undefined) this.#parent.#release(this);
  }

  #isEmpty(): boolean {
    return this.#operations.size === 0 && (this.#children?.size ?? 0) === 0;
  }
}
