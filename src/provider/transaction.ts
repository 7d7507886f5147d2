/** Part of the contract; lies in the ground because definitions of transactions name it, too. */

export type { QueryResult, Transaction } from "../foundation/transaction.ts";
