/** On what a result was measured: without it a figure says nothing. */

import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";

export interface Environment {
  readonly date: string;
  readonly machine: string;
  readonly disk: string;
  /** Of the last minute when the benchmark began: other work on the machine spoils figures. */
  readonly load: number;
  readonly node: string;
  /** The store and its version. */
  readonly store: string;
  readonly duroxide: string;
}

const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs (memory: nothing here is durable)",
  0x794c7630: "overlayfs",
};

const GIB = 1024 ** 3;

/** @param folder - Where the store lies; undefined when a server elsewhere keeps it */
export function describeEnvironment(folder: string | undefined, store: string): Environment {
  const [cpu] = cpus();
  const packageFile = new URL("../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(packageFile, "utf8")) as { readonly version: string };
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    machine:
      `${cpus().length} x ${cpu?.model.trim() ?? "unknown"}, ` +
      `${Math.round(totalmem() / GIB)} GiB, ${type()} ${release()} ${arch()}`,
    disk: folder === undefined ? "the server's own" : describeDisk(folder),
    load: loadavg()[0] ?? 0,
    node: process.version,
    store,
    duroxide: `${version}${readCommit()}`,
  };
}

function describeDisk(folder: string): string {
  const magic = statfsSync(folder).type;
  return FILE_SYSTEMS[magic] ?? `file system 0x${magic.toString(16)}`;
}

function readCommit(): string {
  try {
    const commit = runGit("rev-parse", "--short", "HEAD");
    const changes = runGit("status", "--porcelain", "../src");
    return ` (${commit}${changes === "" ? "" : ", changed"})`;
  } catch {
    return ""; // Not a checkout.
  }
}

function runGit(...args: string[]): string {
  const { dirname } = import.meta;
  return execFileSync("git", args, { cwd: dirname, stdio: ["ignore", "pipe", "ignore"] })
    .toString()
    .trim();
}
