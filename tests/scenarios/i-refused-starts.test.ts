/** F45: a detached start under an id in use is left out, and the log says so in every way that leads to the turn. */

import { defineOrchestration, type Runtime } from "duroxide-ts";
import { expect } from "vitest";

import { scenario, type World } from "../support/scenario.ts";
import { eventually } from "../support/signal.ts";

const waiting = defineOrchestration("Waiting", async (ctx) => ctx.scheduleWait("go"));
const ends = defineOrchestration("Ends", async (ctx) => {
  ctx.scheduleOrchestration(waiting, "taken");
  return "ended";
});
const goesOn = defineOrchestration("GoesOn", async (ctx) => {
  ctx.scheduleOrchestration(waiting, "taken");
  return ctx.scheduleWait("go");
});
const startsLater = defineOrchestration("StartsLater", async (ctx) => {
  await ctx.scheduleTimer(1);
  ctx.scheduleOrchestration(waiting, "taken");
  return "ended";
});
const startsAgain = defineOrchestration("StartsAgain", async (ctx, round: number) => {
  ctx.scheduleOrchestration(waiting, "taken");
  return round === 0 ? ctx.continueAsNew(1) : "ended";
});
const startsTwice = defineOrchestration("StartsTwice", async (ctx) => {
  ctx.scheduleOrchestration(waiting, "free");
  ctx.scheduleOrchestration(waiting, "free");
  return "ended";
});
const orchestrations = [waiting, ends, goesOn, startsLater, startsAgain, startsTwice];

const refused = (world: World, id: string): unknown[] =>
  world.log.lines
    .filter(({ fields }) => fields["instanceId"] === id && "refusedInstanceId" in fields)
    .map(({ level, message }) => [level, message]);

const line = (id: string, taken = "taken"): unknown[] => [
  "warn",
  `Cannot start "${taken}" for "${id}": its id is in use, and the start is left out; choose another id`,
];

const start = (world: World): Promise<Runtime> => world.start({ orchestrations });

scenario("F45 a detached start under an id in use is logged from a direct start", async (world) => {
  await start(world);
  const { client } = world;
  await client.startOrchestration("taken", waiting);
  await (await client.startOrchestration("ends", ends)).result({ timeout: "10s" });
  await client.startOrchestration("goes on", goesOn);
  await (await client.startOrchestration("later", startsLater)).result({ timeout: "10s" });
  await (await client.startOrchestration("again", startsAgain, 0)).result({ timeout: "10s" });
  await (await client.startOrchestration("twice", startsTwice)).result({ timeout: "10s" });
  await eventually(async () => refused(world, "again").length === 2);
  for (const id of ["ends", "goes on", "later"])
    await eventually(async () => refused(world, id).length > 0);
  expect(refused(world, "ends")).toEqual([line("ends")]);
  expect(refused(world, "goes on")).toEqual([line("goes on")]);
  expect(refused(world, "later")).toEqual([line("later")]);
  expect(refused(world, "again")).toEqual([line("again"), line("again")]);
  await eventually(async () => refused(world, "twice").length > 0);
  // Its first turn is part of the histories that are compared.
  for (const id of ["taken", "goes on", "free"])
    await eventually(async () => (await client.getOrchestrationStatus(id)).status === "Running");
  expect(refused(world, "twice")).toEqual([line("twice", "free")]);
});

scenario("F45 a detached start under an id in use is logged from a queued start", async (world) => {
  const { client } = world;
  await client.startOrchestration("taken", waiting);
  await client.startOrchestration("ends", ends);
  await client.startOrchestration("goes on", goesOn);
  await start(world);
  for (const id of ["ends", "goes on"]) {
    await eventually(async () => refused(world, id).length > 0);
    expect(refused(world, id)).toEqual([line(id)]);
  }
  for (const id of ["taken", "goes on"])
    await eventually(async () => (await client.getOrchestrationStatus(id)).status === "Running");
});
