import tseslint from "typescript-eslint";

const tests = ["src/**/*.test.ts", "src/**/*.test-d.ts", "tests/**/*.ts"];
const programs = ["examples/**/*.ts", "bench/**/*.ts", "demo/**/*.ts", "tools/**/*.ts"];
const useHost = "Use `host` or `systemClock`: see src/foundation/host.ts.";
const hostGlobals = [
  "setImmediate",
  "setTimeout",
  "setInterval",
  "clearImmediate",
  "clearTimeout",
  "clearInterval",
  "queueMicrotask",
].map((name) => ({ name, message: useHost }));
const codeLines = (max) => ["error", { max, skipBlankLines: true, skipComments: true }];

export default tseslint.config(
  { ignores: ["dist/", "coverage/", "docs/api/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-console": "error",
      eqeqeq: "error",
      "max-depth": ["error", 4],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrorsIgnorePattern: "^_" },
      ],
      // Numbers print the same everywhere.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Activities and orchestrations are async by contract, with or without an await.
      "@typescript-eslint/require-await": "off",
      // A type parameter used once may still be what carries inference from a definition.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      // Overloads are listed apart where their documentation differs.
      "@typescript-eslint/unified-signatures": "off",
      // `() => emit()` reads better than a block around one call.
      "@typescript-eslint/no-confusing-void-expression": "off",
      // `void` is a legitimate output type of an activity.
      "@typescript-eslint/no-invalid-void-type": "off",
      // `!` is forbidden, so its counterpart must not be demanded.
      "@typescript-eslint/non-nullable-type-assertion-style": "off",
      // User code may reject with anything, and we pass on what it threw.
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      // Contracts are interfaces, everything else is a type; mapped types force exceptions.
      "@typescript-eslint/consistent-type-definitions": "off",
      // Publication (isolatedDeclarations) wants the types of exported templates written out.
      "@typescript-eslint/no-inferrable-types": "off",
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: tests,
    rules: {
      "max-lines": codeLines(400),
      "max-lines-per-function": codeLines(70),
      "@typescript-eslint/max-params": ["error", { max: 4 }],
    },
  },
  {
    // Whatever the engine arms or measures goes through one small piece: see src/foundation/host.ts.
    files: ["src/**/*.ts"],
    ignores: [
      ...tests,
      "src/foundation/host.ts",
      "src/foundation/is-error.ts",
      "src/foundation/stack.ts",
      "src/replay/guards.ts",
    ],
    rules: {
      "no-restricted-globals": ["error", ...hostGlobals],
      "no-restricted-properties": [
        "error",
        ...hostGlobals.map(({ name, message }) => ({
          object: "globalThis",
          property: name,
          message,
        })),
        { object: "Date", property: "now", message: useHost },
        { object: "performance", property: "now", message: useHost },
        { object: "process", property: "nextTick", message: useHost },
      ],
      "no-restricted-syntax": [
        "error",
        // The host's timers ring at once when a delay is over 2^31 ms, as options may be.
        ...[
          ["^set(Timeout|Interval)$", "arguments.1"],
          ["^sleep$", "arguments.0"],
        ].map(([method, delay]) => ({
          selector: `CallExpression[callee.property.name=/${method}/][${delay}.type!='Literal'][${delay}.name!=/^[A-Z_]+$/][${delay}.callee.name!='toTimerMs']`,
          message: "Use `Timer`, or `toTimerMs(delay)`: delays over 2^31 ms ring at once.",
        })),
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: useHost },
        { selector: "CallExpression[callee.name='Date']", message: useHost },
        {
          selector: "BinaryExpression[operator='instanceof'][right.name='Error']",
          message: "Use `isError`: an error of another realm is no instance.",
        },
        {
          selector:
            "MemberExpression[object.name='Error'][property.name=/^(stackTraceLimit|prepareStackTrace|captureStackTrace)$/], " +
            "MemberExpression[object.type='NewExpression'][property.name='stack'], MemberExpression[object.name='error'][property.name='stack']:not(AssignmentExpression > .left)",
          message: "Use `takeStack` or `readStack`: see src/foundation/stack.ts.",
        },
      ],
      "no-restricted-imports": [
        "error",
        {
          paths: ["node:timers", "node:timers/promises", "timers", "timers/promises"].map(
            (name) => ({
              name,
              message: useHost,
            }),
          ),
        },
      ],
    },
  },
  {
    files: tests,
    rules: {
      "max-lines": codeLines(600),
      "no-console": "off",
      // Tests throw what users might throw, on purpose.
      "@typescript-eslint/only-throw-error": "off",
      // A test may look where the types say there is nothing.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unnecessary-condition": "off",
      // `expect.any()` and parsed JSON are typed `any` by their libraries.
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      // Methods are handed to `expect` and to spies without their object.
      "@typescript-eslint/unbound-method": "off",
      // Stubs are empty.
      "@typescript-eslint/no-empty-function": "off",
    },
  },
  {
    files: programs,
    rules: {
      // Programs talk to a terminal.
      "no-console": "off",
      // They show what happens when user code throws anything.
      "@typescript-eslint/only-throw-error": "off",
    },
  },
);
