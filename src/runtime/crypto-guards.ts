/**
 * Guards the random functions of `node:crypto`, which the engine cannot reach: it uses nothing that
 * is built into Node. Outside the windows of orchestration code they do what they always did.
 */

import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

import { guarded } from "../replay/guards.ts";

const INSTEAD = {
  randomUUID: "ctx.newGuid()",
  randomBytes: "ctx.random()",
  randomInt: "ctx.random()",
  randomFillSync: "ctx.random()",
  getRandomValues: "ctx.random()",
} as const;

/** Marks the functions that are guarded already, also by another copy of this package. */
const MARK = Symbol.for("duroxide-ts/guarded");

/** Puts the guards up; they stay. Calling it again changes nothing. */
export function guardNodeCrypto(): void {
  const target = crypto as unknown as Record<string, (...args: unknown[]) => unknown>;
  let isChanged = false;
  for (const [key, instead] of Object.entries(INSTEAD)) {
    const original = target[key];
    if (original === undefined || MARK in original) continue;
    const replacement = guarded(original, `crypto.${key}()`, instead);
    const value: unknown = Object.assign(replacement, { [MARK]: true });
    isChanged =
      Reflect.defineProperty(target, key, {
        value,
        configurable: true,
        writable: true,
        enumerable: true,
      }) || isChanged;
  }
  // Named imports (`import { randomUUID } from "node:crypto"`) follow the object only when told.
  if (isChanged) syncBuiltinESMExports();
}
