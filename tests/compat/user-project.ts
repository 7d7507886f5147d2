/** A project of a user: the packed archive, the driver, and what the registry has, by exact versions. */

import { installPackage, run, type Consumer, type Ended } from "../support/archive.ts";

/** What is tried, by exact versions. */
export const VERSIONS = {
  node20: "20.20.2",
  node22: "22.23.3",
  node24: "24.21.0",
  bun: "1.4.5",
  deno: "2.9.6",
} as const;

/** Runs a file of the project on one of the supported runtimes. */
export const RUNTIMES: Readonly<
  Record<string, (project: Consumer, file: string, ...args: readonly string[]) => Promise<Ended>>
> = {
  [`Node ${VERSIONS.node20}`]: (project, file, ...args) =>
    npx(project, `node@${VERSIONS.node20}`, ["node", "--no-warnings", file, ...args]),
  [`Node ${VERSIONS.node22}`]: (project, file, ...args) =>
    npx(project, `node@${VERSIONS.node22}`, ["node", "--no-warnings", file, ...args]),
  [`Node ${VERSIONS.node24}`]: (project, file, ...args) =>
    npx(project, `node@${VERSIONS.node24}`, ["node", "--no-warnings", file, ...args]),
  [`Bun ${VERSIONS.bun}`]: (project, file, ...args) =>
    npx(project, `bun@${VERSIONS.bun}`, ["bun", file, ...args]),
  [`Deno ${VERSIONS.deno}`]: (project, file, ...args) =>
    npx(project, `deno@${VERSIONS.deno}`, [
      "deno",
      "run",
      "--allow-all",
      "--no-prompt",
      file,
      ...args,
    ]),
};

/** Runs a program of a package of the registry. */
export function npx(
  project: Pick<Consumer, "folder">,
  name: string,
  command: readonly string[],
): Promise<Ended> {
  return run("npx", ["--yes", "--package", name, "--", ...command], project.folder);
}

/** Installs packages into the project, by exact versions. @throws when npm cannot */
export async function install(project: Consumer, ...packages: readonly string[]): Promise<void> {
  const flags = [
    "install",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--save-exact",
    ...packages,
  ];
  const { exitCode, stdout, stderr } = await run("npm", flags, project.folder);
  if (exitCode !== 0)
    throw new Error(`npm ${flags.join(" ")} ended with ${exitCode}:\n${stdout}\n${stderr}`);
}

/** The archive in an empty folder, with the driver for PostgreSQL. */
export async function openProject(): Promise<Consumer> {
  const project = await installPackage();
  await install(project, "pg@8.23.1");
  return project;
}

/**
 * Says hello through an activity, waits for a timer, and reports a guard, on SQLite and PostgreSQL.
 * Arguments: a file for SQLite, a URL for PostgreSQL.
 */
export const PROGRAM = `
import { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
const greet = defineActivity("Greet", async (name) => "Hello, " + name + "!");
const hello = defineOrchestration("Hello", async (ctx, name) => {
  await ctx.scheduleTimer("10ms");
  return ctx.scheduleActivity(greet, name);
});
const bad = defineOrchestration("Bad", async () => Math.random());
async function tryStore(store) {
  const logger = { log() {} };
  const runtime = await Runtime.start({
    store, logger, activities: [greet], orchestrations: [hello, bad], nondeterminism: "fail",
  });
  const client = new Client(store);
  const handle = await client.startOrchestration("good", hello, "World");
  console.log(await handle.result({ timeout: "60s" }));
  const failing = await client.startOrchestration("bad", bad);
  await failing.result({ timeout: "60s" }).catch((error) => console.log(error.message));
  await runtime.shutdown();
  await store.close();
}
async function main() {
  const [file, url] = process.argv.slice(-2);
  await tryStore(await SqliteProvider.open(file));
  await tryStore(await PostgresProvider.connect(url));
  await PostgresProvider.connect("postgres://127.0.0.1:1/none").catch((error) => console.log(error.code));
}
main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
`;

/** What each line of {@link PROGRAM} prints. */
export const PRINTED: readonly RegExp[] = [
  /^Hello, World!$/,
  /Cannot use Math\.random\(\) in an orchestration/,
  /^Hello, World!$/,
  /Cannot use Math\.random\(\) in an orchestration/,
  /^store_unreachable$/,
];
