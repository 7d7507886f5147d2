/** The 300 orders, and how each of them must end: both follow from the order's number alone. */

/** One position of an order. */
export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
  readonly cents: number;
}

export interface Order {
  readonly number: number;
  readonly lines: readonly OrderLine[];
  readonly card: string;
  /** How long a manager has to approve it, if it needs that, in milliseconds. */
  readonly approvalTimeoutMs: number;
}

/** Every way in which an order can end. */
export const OUTCOMES = ["shipped", "declined", "unapproved", "outOfStock", "invalid"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const ORDER_COUNT = 300;
/** From this total on a manager must approve. */
export const HIGH_VALUE_CENTS = 200_000;
export const EMPTY_CARD = "4000-0000-0000-0002";
export const UNOBTAINABLE_SKU = "unicorn";

const GOOD_CARD = "4242-4242-4242-4242";
const CATALOGUE = [
  { sku: "lamp", cents: 4_900 },
  { sku: "chair", cents: 12_900 },
  { sku: "table", cents: 24_900 },
  { sku: "shelf", cents: 8_900 },
  { sku: "rug", cents: 15_900 },
];
const PIANO: OrderLine = { sku: "piano", quantity: 1, cents: 249_900 };

export function orderIdOf(number: number): string {
  return `order-${String(number).padStart(3, "0")}`;
}

const isInvalid = (number: number): boolean => number % 25 === 0;
const isOutOfStock = (number: number): boolean => number % 15 === 7;
const isHighValue = (number: number): boolean => number % 10 === 3;
/** The manager of these is on holiday. */
const isUnapproved = (number: number): boolean => number % 20 === 13;
const isDeclined = (number: number): boolean => number % 8 === 5;

export function createOrder(number: number): Order {
  const lineCount = 2 + (number % 3);
  const lines: OrderLine[] = Array.from({ length: lineCount }, (_, i) => ({
    ...(CATALOGUE[(number + i) % CATALOGUE.length] ?? PIANO),
    quantity: isInvalid(number) ? 0 : 1 + ((number + i) % 2),
  }));
  if (isOutOfStock(number)) lines.push({ sku: UNOBTAINABLE_SKU, quantity: 1, cents: 100 });
  if (isHighValue(number)) lines.push(PIANO);
  return {
    number,
    lines,
    card: isDeclined(number) ? EMPTY_CARD : GOOD_CARD,
    approvalTimeoutMs: isUnapproved(number) ? 300 : 3_600_000,
  };
}

/** Worked out from the number, not from what the shop does: the proof compares the two. */
export function expectedOutcome(number: number): Outcome {
  if (isInvalid(number)) return "invalid";
  if (isOutOfStock(number)) return "outOfStock";
  if (isUnapproved(number)) return "unapproved";
  return isDeclined(number) ? "declined" : "shipped";
}

/** Whether a manager will be asked and will say yes. */
export function isApprovedByManager(number: number): boolean {
  return (
    isHighValue(number) && !isUnapproved(number) && !isOutOfStock(number) && !isInvalid(number)
  );
}
