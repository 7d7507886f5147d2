import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodeEvents, encodeEvents, HISTORY_FORMAT, mapValues } from "./codec.ts";
import { describeEvent } from "./describe.ts";
import type { EventKind, RecordedEvent } from "./event.ts";
import type { Failure } from "./failure.ts";

const TIME = 1_700_000_000_000;
const failure: Failure = {
  category: "application",
  code: "activity_failed",
  name: "E",
  message: "m",
  data: { nested: [null] },
};

/** One event of each kind, with every member set. */
const samples: {
  readonly [K in EventKind]: Omit<
    Extract<RecordedEvent, { kind: K }>,
    "kind" | "eventId" | "timestampMs"
  >;
} = {
  OrchestrationStarted: {
    name: "O",
    version: "1.2.3",
    input: "{}",
    instanceId: "i",
    executionId: 2,
    seed: "s",
    parent: { instanceId: "p", executionId: 3, eventId: 4 },
    customStatus: '"busy"',
  },
  OrchestrationCompleted: { output: "null" },
  OrchestrationFailed: { failure },
  OrchestrationContinuedAsNew: { input: "1", version: "2.0.0" },
  OrchestrationCancelRequested: { reason: "r" },
  ActivityScheduled: { name: "A", input: "1", sessionId: "s", tag: "t" },
  ActivityCompleted: { sourceEventId: 2, result: '"x"' },
  ActivityFailed: { sourceEventId: 2, failure, attempt: 3 },
  ActivityCancelRequested: { sourceEventId: 2, reason: "r" },
  TimerCreated: { fireAtMs: 0 },
  TimerFired: { sourceEventId: 2, fireAtMs: 5 },
  TimerCancelled: { sourceEventId: 2, reason: "r" },
  ExternalSubscribed: { name: "e" },
  ExternalEvent: { name: "e", data: "[]" },
  ExternalSubscribedCancelled: { sourceEventId: 2, reason: "r" },
  QueueSubscribed: { name: "q" },
  QueueMessage: { name: "q", data: '""' },
  QueueSubscribedCancelled: { sourceEventId: 2, reason: "r" },
  SubOrchestrationScheduled: {
    name: "C",
    input: "1",
    instanceId: "i::sub::2",
    isExplicitId: false,
    version: "1.0.0",
  },
  SubOrchestrationCompleted: { sourceEventId: 2, result: "1" },
  SubOrchestrationFailed: { sourceEventId: 2, failure },
  SubOrchestrationCancelRequested: { sourceEventId: 2, reason: "r" },
  OrchestrationChained: { name: "D", instanceId: "d", input: "1", version: "1.0.0" },
  CustomStatusUpdated: { status: "1" },
  KeyValueSet: { key: "", value: "1" },
  KeyValueCleared: { key: "k" },
  KeyValuesCleared: {},
};

const events = Object.entries(samples).map(
  ([kind, fields], i) => ({ kind, eventId: i + 1, timestampMs: TIME, ...fields }) as RecordedEvent,
);

const decode = (data: string, format = HISTORY_FORMAT) =>
  decodeEvents({ format, timestampMs: TIME, data });

describe("encodeEvents() and decodeEvents()", () => {
  test.each(events.map((event) => [event.kind, event] as const))(
    "keep %s whole",
    (_kind, event) => {
      expect(decode(encodeEvents([event]))).toEqual([event]);
    },
  );

  test("keep what is absent absent", () => {
    const bare: RecordedEvent[] = [
      { kind: "ActivityScheduled", eventId: 1, timestampMs: TIME, name: "A", input: undefined },
      { kind: "OrchestrationCompleted", eventId: 2, timestampMs: TIME, output: undefined },
      { kind: "CustomStatusUpdated", eventId: 3, timestampMs: TIME, status: undefined },
    ];
    expect(decode(encodeEvents(bare))).toEqual(bare);
  });

  test("I1 the text of each kind, which is readable for ever", () => {
    expect(events.map((event) => encodeEvents([event])).join("\n")).toMatchInlineSnapshot(`
      "[["os",1,"O","1.2.3","{}","i",2,"s",{"instanceId":"p","executionId":3,"eventId":4},"\\"busy\\""]]
      [["oc",2,"null"]]
      [["of",3,{"category":"application","code":"activity_failed","name":"E","message":"m","data":{"nested":[null]}}]]
      [["on",4,"1","2.0.0"]]
      [["ox",5,"r"]]
      [["as",6,"A","1","s","t"]]
      [["ac",7,2,"\\"x\\""]]
      [["af",8,2,{"category":"application","code":"activity_failed","name":"E","message":"m","data":{"nested":[null]}},3]]
      [["ax",9,2,"r"]]
      [["ts",10,0]]
      [["tf",11,2,5]]
      [["tx",12,2,"r"]]
      [["es",13,"e"]]
      [["ee",14,"e","[]"]]
      [["ex",15,2,"r"]]
      [["qs",16,"q"]]
      [["qm",17,"q","\\"\\""]]
      [["qx",18,2,"r"]]
      [["cs",19,"C","1","i::sub::2",false,"1.0.0"]]
      [["cc",20,2,"1"]]
      [["cf",21,2,{"category":"application","code":"activity_failed","name":"E","message":"m","data":{"nested":[null]}}]]
      [["cx",22,2,"r"]]
      [["ds",23,"D","d","1","1.0.0"]]
      [["us",24,"1"]]
      [["ks",25,"","1"]]
      [["kc",26,"k"]]
      [["ka",27]]"
    `);
  });

  test("I1 read texts of format 1 as they were written", () => {
    expect(decode('[["as",2,"A","{}"],["kc",3,""],["ka",4]]')).toMatchObject([
      { kind: "ActivityScheduled", eventId: 2, name: "A", input: "{}" },
      { kind: "KeyValueCleared", eventId: 3, key: "" },
      { kind: "KeyValuesCleared", eventId: 4 },
    ]);
  });

  test.each([
    ["no JSON", "[[", "a turn is not JSON"],
    ["no list", "{}", "a turn is not a list of events"],
    ["no event", "[7]", "an event is not a list"],
    ["an unknown code", '[["zz",1]]', 'an event has the unknown code "zz"'],
    ["a code of Object.prototype", '[["constructor",1]]', 'the unknown code "constructor"'],
    ["no code", "[[]]", "an event has the unknown code"],
    ["no id", '[["ka"]]', "a KeyValuesCleared has the id"],
    ["id 0", '[["ka",0]]', "a KeyValuesCleared has the id 0"],
    ["an id that is no integer", '[["ka",1.5]]', "a KeyValuesCleared has the id 1.5"],
  ])("I2 refuse %s", (_name, data, text) => {
    expect(() => decode(data)).toThrow(
      expect.objectContaining({
        code: "history_corrupt",
        message: expect.stringContaining(text),
      }),
    );
  });

  test("I2 refuse a newer format", () => {
    expect(() => decode("[]", HISTORY_FORMAT + 1)).toThrow(
      expect.objectContaining({ code: "history_too_new" }),
    );
  });

  test("S117 keep any value, whatever text it is", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ result: fc.string({ unit: "binary" }), id: fc.integer({ min: 1 }) })),
        (rows) => {
          const list = rows.map(({ result, id }): RecordedEvent => ({
            kind: "ActivityCompleted",
            eventId: id,
            timestampMs: TIME,
            sourceEventId: id,
            result,
          }));
          expect(decode(encodeEvents(list))).toEqual(list);
        },
      ),
    );
  });
});

describe("mapValues()", () => {
  test("converts users' values and nothing else", () => {
    const converted = events.map((event) => mapValues(event, (value) => ({ was: value })));
    for (const [i, event] of converted.entries()) {
      for (const [key, value] of Object.entries(event)) {
        const isValue = [
          "input",
          "output",
          "result",
          "data",
          "status",
          "value",
          "customStatus",
        ].includes(key);
        const before = (events[i] as unknown as Record<string, unknown>)[key];
        expect(value).toEqual(isValue ? { was: before } : before);
      }
    }
  });
});

describe("describeEvent()", () => {
  test("says one line about every kind", () => {
    expect(events.map((event) => describeEvent(event)).join("\n")).toMatchInlineSnapshot(`
      "OrchestrationStarted "O"
      OrchestrationCompleted with null
      OrchestrationFailed
      OrchestrationContinuedAsNew
      OrchestrationCancelRequested
      ActivityScheduled "A" with 1
      ActivityCompleted of event 2
      ActivityFailed of event 2
      ActivityCancelRequested of event 2
      TimerCreated
      TimerFired of event 2
      TimerCancelled of event 2
      ExternalSubscribed "e"
      ExternalEvent "e"
      ExternalSubscribedCancelled of event 2
      QueueSubscribed "q"
      QueueMessage "q"
      QueueSubscribedCancelled of event 2
      SubOrchestrationScheduled "C" as "i::sub::2" with 1
      SubOrchestrationCompleted of event 2
      SubOrchestrationFailed of event 2
      SubOrchestrationCancelRequested of event 2
      OrchestrationChained "D" as "d" with 1
      CustomStatusUpdated to 1
      KeyValueSet "" to 1
      KeyValueCleared "k"
      KeyValuesCleared"
    `);
  });

  test("shows a bounded part of a value, and survives one that is no JSON", () => {
    const status = (value: unknown) =>
      describeEvent({ kind: "CustomStatusUpdated", eventId: 1, timestampMs: 0, status: value });
    expect(status("x".repeat(500)).length).toBeLessThan(120);
    expect(status(1n)).toBe("CustomStatusUpdated to a value that cannot be shown");
    expect(status(undefined)).toBe("CustomStatusUpdated to nothing");
  });
});
