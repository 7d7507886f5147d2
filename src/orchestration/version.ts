/** Versions of orchestrations: semantic versions, compared as texts where code is looked up. */

import semver from "semver";

import { type OptionDoor, showValue } from "../foundation/option-values.ts";

const WANTED = 'a semantic version such as "1.2.0"';

/** Whether it is a semantic version as it is written, without `v` or spaces around it. */
export function isVersion(value: unknown): value is string {
  return typeof value === "string" && /^\d\S*$/.test(value) && semver.valid(value) !== null;
}

/** @throws UsageError of the door's code for an option `version` that is none; it may be left out */
export function assertVersion(door: OptionDoor, version: unknown): void {
  if (version === undefined || isVersion(version)) return;
  throw door.refusal("version", showValue(version), WANTED);
}
