"""Random changes of a few tables, from a seed: what `firn follow` is tried with."""
import random

import psycopg


TABLES = """
CREATE TABLE keyed (id int PRIMARY KEY, name text, amount numeric(12,2) NOT NULL, at timestamptz, big text NOT NULL DEFAULT '',
                    flags bool[], doc jsonb);
ALTER TABLE keyed ALTER big SET STORAGE EXTERNAL;
CREATE TABLE pair (a int, b text, v float8, PRIMARY KEY (b, a));
CREATE TABLE plain (v text, w int);
ALTER TABLE plain REPLICA IDENTITY FULL;
INSERT INTO keyed SELECT g, md5(g::text), g, now(), repeat(md5(g::text), CASE WHEN g % 3 = 0 THEN 200 ELSE 1 END), '{t,f,NULL}', '{"a": 1}'
    FROM generate_series(1, 2000) g;
INSERT INTO pair SELECT g, 'k' || g % 50, g / 3.0 FROM generate_series(1, 500) g;
INSERT INTO plain SELECT 'v' || g % 20, g % 5 FROM generate_series(1, 300) g;
"""
NAMES = ("keyed", "pair", "plain")


class Workload:
    def __init__(self, connection, seed):
        self.connection = connection
        self.random = random.Random(seed)

    def statement(self):
        r = self.random
        low = r.randint(1, 3000)
        high = low + r.choice((0, 3, 40, 400))
        return r.choice((
            f"INSERT INTO keyed SELECT g, 'new', {r.randint(0, 999)}, now(), repeat('x', {r.choice((1, 5000))}), NULL, '{{}}' "
            f"FROM generate_series({low}, {high}) g ON CONFLICT (id) DO NOTHING",
            f"UPDATE keyed SET amount = amount + 1 WHERE id BETWEEN {low} AND {high}",
            f"UPDATE keyed SET big = repeat(md5(id::text), {r.choice((0, 1, 150))}) WHERE id BETWEEN {low} AND {high}",
            f"UPDATE keyed SET id = id + 10000 WHERE id BETWEEN {low} AND {low + 20} AND NOT EXISTS "
            f"(SELECT FROM keyed k WHERE k.id BETWEEN {low + 10000} AND {low + 10020})",
            f"UPDATE keyed SET id = -id WHERE id BETWEEN {low} AND {low + 5}",
            f"DELETE FROM keyed WHERE id BETWEEN {low} AND {high}",
            f"UPDATE pair SET v = v * 2, b = b || 'x' WHERE a % 17 = {r.randint(0, 16)} AND length(b) < 40",
            f"DELETE FROM pair WHERE a % 23 = {r.randint(0, 22)}",
            f"INSERT INTO pair SELECT g, 'n', {r.randint(0, 9)} FROM generate_series({low}, {low + 30}) g ON CONFLICT DO NOTHING",
            f"INSERT INTO plain SELECT 'v' || g % 20, NULLIF(g % 5, 0) FROM generate_series({low}, {low + 20}) g",
            f"DELETE FROM plain WHERE ctid IN (SELECT ctid FROM plain WHERE w = {r.randint(0, 4)} LIMIT {r.randint(1, 9)})",
            f"UPDATE plain SET w = w + 1 WHERE v = 'v{r.randint(0, 19)}' AND w < 9",
            f"DELETE FROM keyed WHERE id = {low}; INSERT INTO keyed VALUES ({low}, 'again', 1, NULL, 'b', NULL, NULL)",
        ))

    def transaction(self):
        """One transaction, now and then with a savepoint that is rolled back, or rolled back as a whole."""
        r, c = self.random, self.connection
        if r.random() < 0.02:
            c.execute(f"TRUNCATE {r.choice(('pair', 'plain'))}")
            return
        statements = [self.statement() for _ in range(r.randint(1, 5))]
        if r.random() < 0.2:
            statements.insert(0, f"SAVEPOINT s; {self.statement()}; ROLLBACK TO SAVEPOINT s")
        ending = "ROLLBACK" if r.random() < 0.1 else "COMMIT"
        c.execute("BEGIN")
        try:
            for statement in statements:
                c.execute(statement)
            c.execute(ending)
        except psycopg.errors.UniqueViolation:
            c.execute("ROLLBACK")

    def run(self, count):
        for _ in range(count):
            self.transaction()

    def change_of_shape(self):
        """DDL that can be followed. Other statements name none of these columns."""
        r, c = self.random, self.connection
        table = r.choice(NAMES)
        columns = [row[0] for row in c.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
                                               (f"public.{table}",)).fetchall()]
        free = [name for name in columns if name.startswith(("x", "name", "doc", "flags"))]
        extra = [name for name in columns if name.startswith("extra")]
        choices = [f"ADD COLUMN extra{r.randint(0, 10**6)} {r.choice(('int', 'text', 'numeric(9,2)', 'float4'))}"]
        if free:
            choices.append(f"RENAME COLUMN {r.choice(free)} TO x{r.randint(0, 10**6)}" if r.random() < 0.5 else
                           f"ALTER COLUMN {r.choice(free)} DROP NOT NULL")
        if extra:
            column = r.choice(extra)
            kind = c.execute("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
                             (f"public.{table}", column)).fetchone()[0]
            wider = {"integer": "bigint", "numeric(9,2)": "numeric(20,2)", "real": "float8"}.get(kind)
            choices.append(f"ALTER COLUMN {column} TYPE {wider}" if wider else f"DROP COLUMN {column}")
        return f"ALTER TABLE {table} {r.choice(choices)}"

    def transaction_with_shape(self):
        """Rows before and behind a change of shape, in one transaction or around it."""
        r, c = self.random, self.connection
        statements = [*(self.statement() for _ in range(r.randint(0, 3))), self.change_of_shape(), *(self.statement() for _ in range(r.randint(1, 3)))]
        try:
            c.execute("BEGIN")
            for statement in statements:
                c.execute(statement)
            c.execute("ROLLBACK" if r.random() < 0.1 else "COMMIT")
        except psycopg.errors.UniqueViolation:
            c.execute("ROLLBACK")

    def make_anew(self):
        """A table is dropped and made again, with other rows and columns."""
        self.connection.execute("BEGIN; DROP TABLE pair; CREATE TABLE pair (a int, b text, v float8, PRIMARY KEY (b, a));"
                                f"INSERT INTO pair SELECT g, 'anew' || g % 7, g FROM generate_series(1, {self.random.randint(0, 300)}) g; COMMIT")
