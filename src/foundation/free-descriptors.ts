/** Whether this process can open files. */

import { readdirSync } from "node:fs";

/** Whether no descriptor is free: reading any folder needs one, too. */
export function hasNoDescriptors(): boolean {
  try {
    readdirSync("/");
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "EMFILE" || code === "ENFILE";
  }
}
