/**
 * Guards the random functions of `node:crypto`, the clock of `process` and the synchronous functions
 * of `node:child_process`, which the engine cannot reach: it uses nothing that is built into Node. Outside the windows of orchestration code they do what they always did.
 */

import childProcess from "node:child_process";
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

/** Never right in an orchestration. Files are not guarded: a module that is loaded late reads them. */
const INSTEAD_OF_PROCESSES = {
  execSync: "ctx.scheduleActivity()",
  execFileSync: "ctx.scheduleActivity()",
  spawnSync: "ctx.scheduleActivity()",
} as const;

/** Puts the guards up; they stay. Calling it again changes nothing. */
export function guardNodeCrypto(): void {
  const isChanged = [
    guardAll(crypto, "crypto", INSTEAD),
    guardAll(childProcess, "child_process", INSTEAD_OF_PROCESSES),
    guardAll(process.hrtime, "process.hrtime", { bigint: "ctx.utcNowMs()" }),
    guardAll(process, "process", { hrtime: "ctx.utcNowMs()" }),
  ];
  // Named imports (`import { randomUUID } from "node:crypto"`) follow the object only after this call.
  if (isChanged.includes(true)) syncBuiltinESMExports();
}

/** @returns Whether anything was not guarded before */
function guardAll(
  owner: object,
  prefix: string,
  insteads: Readonly<Record<string, string>>,
): boolean {
  const target = owner as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  let isChanged = false;
  for (const [key, instead] of Object.entries(insteads)) {
    const original = target[key];
    if (original === undefined || MARK in original) continue;
    const value: unknown = Object.assign(guarded(original, `${prefix}.${key}()`, instead), {
      [MARK]: true,
    });
    const facts = { value, configurable: true, writable: true, enumerable: true };
    isChanged = Reflect.defineProperty(target, key, facts) || isChanged;
  }
  return isChanged;
}
