/**
 * Randomness as a port, and the seeded generator behind `ctx.random()` and `ctx.newGuid()`.
 *
 * The generator is sfc32 (Doty-Humphrey's small fast counting generator) seeded from four 32-bit
 * words; it is not for secrets.
 */

/** A source of fresh randomness. */
export interface Random {
  /** A random identifier in the form of a version 4 UUID. */
  uuid(): string;
}

// Captured once: guards replace the global while orchestration code runs.
const webCrypto = globalThis.crypto;
const systemUuid = webCrypto.randomUUID.bind(webCrypto);

/** The machine's own randomness. */
export const systemRandom: Random = { uuid: systemUuid };

/** A deterministic generator: the same seed gives the same sequence for ever. */
export interface SeededRandom {
  /** An unsigned 32-bit integer. */
  nextUint32(): number;
  /** A double in [0, 1) with 53 random bits. */
  nextDouble(): number;
  /** A UUID of version 4. */
  nextUuid(): string;
}

/** Four 32-bit words from any text (FNV-1a with a different start for each word). */
function seedWords(seed: string): [number, number, number, number] {
  const words: [number, number, number, number] = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let w = 0; w < 4; w += 1) {
    let hash = words[w] as number;
    for (let i = 0; i < seed.length; i += 1) {
      hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193);
      hash ^= hash >>> 15;
    }
    words[w] = hash >>> 0;
  }
  return words;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/**
 * Creates a generator.
 *
 * @param seed - Any text; equal texts give equal sequences
 */
export function createSeededRandom(seed: string): SeededRandom {
  let [a, b, c, counter] = seedWords(seed);
  const nextUint32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return t >>> 0;
  };
  // The first outputs still look like the seed.
  for (let i = 0; i < 12; i += 1) nextUint32();
  return {
    nextUint32,
    nextDouble: () =>
      ((nextUint32() >>> 5) * 67_108_864 + (nextUint32() >>> 6)) / 9_007_199_254_740_992,
    nextUuid: () => {
      const bytes: number[] = [];
      for (let i = 0; i < 4; i += 1) {
        const word = nextUint32();
        bytes.push(word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255);
      }
      bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
      const hex = bytes.map((byte) => HEX[byte]).join("");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}
