/** The descriptors of this process, of all of its threads, as far as the system lists them. */

import { fstatSync, readdirSync, type Stats } from "node:fs";

/** Where the system lists the descriptors of a process; Windows needs none, its locks are per handle. */
const DESCRIPTORS = "/dev/fd";

/** Empty when there is no such list, or no descriptor left to read it with. */
export function listDescriptors(): readonly number[] {
  try {
    return readdirSync(DESCRIPTORS).map(Number);
  } catch {
    return [];
  }
}

/** How many descriptors of a file this process has; 0 when the system does not say. */
export function countDescriptors({ dev, ino }: Stats): number {
  let count = 0;
  for (const descriptor of listDescriptors()) {
    const stats = readDescriptor(descriptor);
    if (stats?.ino === ino && stats.dev === dev) count += 1;
  }
  return count;
}

/** @returns Undefined when it was closed meanwhile, such as that of the list itself */
export function readDescriptor(descriptor: number): Stats | undefined {
  try {
    return fstatSync(descriptor);
  } catch {
    return undefined;
  }
}
