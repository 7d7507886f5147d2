/** Every number that a test may claim: conformance scenarios, guarantees, defects of the reference. */

export interface Section {
  readonly letter: string;
  readonly name: string;
  /** Such as `S001`. */
  readonly numbers: readonly string[];
}

function section(letter: string, name: string, ranges: string): Section {
  const numbers = ranges.split(" ").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => toName("S", first + i, 3));
  });
  return { letter, name, numbers };
}

function toName(letter: string, number: number, digits: number): string {
  return `${letter}${String(number).padStart(digits, "0")}`;
}

function count(letter: string, last: number): readonly string[] {
  return Array.from({ length: last }, (_, i) => toName(letter, i + 1, 1));
}

/** The conformance scenarios; numbers that are not listed were never given out. */
export const SECTIONS: readonly Section[] = [
  section("A", "First steps and basic flow", "1-2 4-6 8-10 12-14 16-18 20-22 24-26"),
  section("B", "Replay and recovery", "28-30 32-34 36-38 40-42 44-46 48-50"),
  section("C", "Nondeterminism", "52-54 56-58 60-62 64-66 68-70 72-74 76-78"),
  section("D", "Timers", "80-82 84-86 88-89"),
  section("E", "Fan-out, join, select", "90 92-94 96-98 100-102 104-106 108-110 112-114 116-118"),
  section("F", "Dropped work", "120-122 124-126 128-130"),
  section("G", "External events", "132-134 136-138 140-142 144-146"),
  section("H", "Event queues", "148-150 152-154 156-158 160-162 164-165"),
  section("I", "Children and detached starts", "166 168-170 172-174 176-178 180-182 184-186"),
  section("J", "Cancellation", "188-190 192-194 196-198 200-201"),
  section("K", "Continue-as-new", "202 204-206 208-210 212-214 216"),
  section("L", "Versions and registries", "217-218 220-222 224-226 228-230 232-234 236-238"),
  section("M", "Retries", "240-242 244-246 248-250 252"),
  section("N", "System calls", "253-254 256-258"),
  section("O", "Sessions", "260-262 264-266 268-270"),
  section("P", "Tags", "272-274 276-278"),
  section("Q", "Custom status", "280-282 284-285"),
  section("R", "Key-values", "286 288-290 292-294 296-298 300-302"),
  section("S", "Poison messages, errors, limits", "304-306 308-310 312-314"),
  section("T", "Claims, concurrency, runtime", "316-318 320-322 324-325"),
  section("U", "Management", "326 328-330 332-334 336"),
  section("V", "Observability", "337-338 340-342 344"),
  section("W", "Larger stories", "345-346 348-350"),
];

/** The guarantees of ARCHITECTURE.md. */
export const GUARANTEES: readonly string[] = count("G", 8);
/** Defects of the reference that its own project has confirmed. */
export const CONFIRMED_DEFECTS: readonly string[] = count("U", 21);
/** Defects of the reference that were found by reading it. */
export const FOUND_DEFECTS: readonly string[] = count("R", 30);
