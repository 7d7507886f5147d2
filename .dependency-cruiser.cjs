/**
 * The law of rooms: each folder of src imports what its row names, and nothing else.
 *
 * Unit tests (`*.test.ts`) are visitors: they may import any room, and no room may import them.
 */

const ground = ["foundation"];
const memory = [...ground, "history"];
const hands = [...memory, "orchestration", "provider", "observability", "replay", "effects"];

/** Room to the rooms that it may import. */
const law = {
  foundation: [],
  history: ground,
  observability: ground,
  orchestration: memory,
  provider: [...memory, "observability"],
  conformance: [...memory, "provider"],
  replay: [...memory, "orchestration"],
  effects: [...memory, "provider", "replay"],
  runtime: hands,
  client: hands,
  testing: [...hands, "runtime", "client", "providers"],
};

/** Rooms that touch the machine. All others are pure. */
const machineRooms = ["providers", "runtime", "client", "testing"];

const unitTest = "\\.test(-d)?\\.ts$";
const anyOf = (rooms) => rooms.map((room) => `^src/${room}/`);

const roomRules = Object.entries(law).map(([room, allowed]) => ({
  name: `room-${room}`,
  comment: `${room} may import: ${allowed.join(", ") || "nothing"}`,
  severity: "error",
  from: { path: `^src/${room}/`, pathNot: unitTest },
  to: { path: "^src/", pathNot: anyOf([room, ...allowed]) },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: "room-providers",
      comment: "A store knows the contract, and neither the runtime nor another store",
      severity: "error",
      from: { path: "^src/providers/([^/]+)/", pathNot: unitTest },
      to: {
        path: "^src/",
        pathNot: [
          "^src/providers/$1/",
          ...anyOf(["provider", "history", "foundation", "observability"]),
        ],
      },
    },
    {
      name: "every-file-has-a-room",
      comment: "A new room needs a row in the law; only index.ts lives outside of rooms",
      severity: "error",
      from: {
        path: "^src/",
        pathNot: [
          "^src/index\\.ts$",
          unitTest,
          "^src/providers/[^/]+/",
          ...anyOf(Object.keys(law)),
        ],
      },
      to: {},
    },
    {
      name: "machine-only-at-the-edge",
      comment: `Only ${machineRooms.join(", ")} the async context and the search for free descriptors may use what is built into Node`,
      severity: "error",
      from: {
        path: "^src/",
        pathNot: [
          unitTest,
          ...anyOf(machineRooms),
          "^src/foundation/(async-context|free-descriptors)\\.ts$",
        ],
      },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "sqlite-binding-in-its-store",
      comment: "The SQLite binding is a secret of its store",
      severity: "error",
      from: { path: "^src/", pathNot: [unitTest, "^src/providers/sqlite/"] },
      to: { path: ["node_modules/@photostructure/sqlite", "^node:sqlite$"] },
    },
    {
      name: "postgres-driver-in-its-store",
      comment: "The PostgreSQL driver is a secret of its store",
      severity: "error",
      from: { path: "^src/", pathNot: [unitTest, "^src/providers/postgres/"] },
      to: { path: "node_modules/pg/" },
    },
    {
      name: "no-cycles",
      comment: "Modules that need each other at run time are one module; types may meet",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-test-in-product",
      comment: "The product never imports its tests",
      severity: "error",
      from: { path: "^src/", pathNot: unitTest },
      to: { path: ["^tests/", "^bench/", "^demo/", "^examples/", unitTest] },
    },
    {
      name: "no-development-dependency-in-product",
      comment: "What src imports at run time must arrive with the package",
      severity: "error",
      from: { path: "^src/", pathNot: unitTest },
      to: {
        dependencyTypes: ["npm-dev"],
        dependencyTypesNot: ["type-only"],
        // Optional peers are development dependencies here.
        pathNot: ["node_modules/@types/", "node_modules/pg/"],
      },
    },
    {
      name: "no-unresolvable",
      comment: "An import leads somewhere",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^node:sqlite$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: ["^dist/"] },
    // Type-only imports obey the law as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@duroxide-ts/source", "import", "node", "default", "types"],
      mainFields: ["module", "main", "types"],
    },
  },
};
