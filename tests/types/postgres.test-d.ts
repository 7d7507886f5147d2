import { PostgresProvider, type PgPool } from "duroxide-ts/postgres";
import pg from "pg";
import { expectTypeOf, test } from "vitest";

test("a pool of pg is a pool", () => {
  expectTypeOf<pg.Pool>().toExtend<PgPool>();
  expectTypeOf(PostgresProvider.connect).toBeCallableWith(new pg.Pool());
});
