-- Tables by what they are: sizes, keys, partitions, and things that are no tables.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SET search_path = edge, public;

DO $$
BEGIN
  EXECUTE 'CREATE TABLE wide_500 (id int PRIMARY KEY, ' || (SELECT string_agg(format('c%s %s', g,
    (ARRAY['int', 'bigint', 'text', 'numeric(12,2)', 'date', 'timestamptz', 'boolean', 'float8', 'varchar(20)', 'int[]'])[1 + g % 10]), ', ')
    FROM generate_series(1, 499) g) || ')';
  EXECUTE 'INSERT INTO wide_500 SELECT n, ' || (SELECT string_agg(
    CASE g % 10 WHEN 0 THEN 'n' WHEN 1 THEN 'n * 10000000000' WHEN 2 THEN 'CASE WHEN n % 3 > 0 THEN ''t'' || n END'
      WHEN 3 THEN 'n / 100.0' WHEN 4 THEN 'date ''2026-01-01'' + n' WHEN 5 THEN 'timestamptz ''2026-01-01 00:00+00'' + n * interval ''1 s'''
      WHEN 6 THEN 'n % 2 = 0' WHEN 7 THEN 'n / 7.0::float8' WHEN 8 THEN 'CASE WHEN n % 5 = 0 THEN ''v'' || n END' ELSE 'ARRAY[n]' END, ', ')
    FROM generate_series(1, 499) g) || ' FROM generate_series(1, 50) n';
  EXECUTE 'CREATE TABLE wide_1600 (' || (SELECT string_agg(format('c%s %s', g, (ARRAY['int', 'smallint', 'boolean', 'date'])[1 + g % 4]), ', ')
    FROM generate_series(1, 1600) g) || ', PRIMARY KEY (c4))';
  EXECUTE 'INSERT INTO wide_1600 SELECT ' || (SELECT string_agg(
    CASE g % 4 WHEN 0 THEN 'n' WHEN 1 THEN 'CASE WHEN n > 1 THEN n END' WHEN 2 THEN 'n % 2 = 0' ELSE 'date ''2026-01-01'' + n' END, ', ')
    FROM generate_series(1, 1600) g) || ' FROM generate_series(1, 5) n';
END $$;

CREATE TABLE empty_table (id int PRIMARY KEY, name text, tags text[], p place);
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 3);

-- Keys.
CREATE TABLE no_key (a int, b text);
INSERT INTO no_key VALUES (1, 'x'), (1, 'x'), (1, 'x'), (2, NULL), (NULL, NULL), (NULL, NULL);
CREATE TABLE unique_key (code text NOT NULL UNIQUE, maybe int UNIQUE, note text);
INSERT INTO unique_key VALUES ('a', 1, 'x'), ('b', NULL, 'y'), ('c', NULL, NULL);
CREATE TABLE composite_key (region text, number bigint, at timestamptz, note text, PRIMARY KEY (number, region, at));
INSERT INTO composite_key VALUES ('eu', 1, '2026-01-01+00', 'x'), ('us', 1, '2026-01-01+00', 'y'), ('eu', 2, '2026-01-01+00', NULL);
CREATE TABLE partial_unique (a int NOT NULL, b int);
CREATE UNIQUE INDEX partial_unique_index ON partial_unique (a) WHERE b IS NULL;
INSERT INTO partial_unique VALUES (1, 1), (1, 2), (2, NULL);

-- Partitions and inheritance.
CREATE TABLE measurement (id bigint NOT NULL, at date NOT NULL, region text NOT NULL, value numeric(10,3), PRIMARY KEY (id, at, region))
  PARTITION BY RANGE (at);
CREATE TABLE measurement_2025 PARTITION OF measurement FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (region);
CREATE TABLE measurement_2025_eu PARTITION OF measurement_2025 FOR VALUES IN ('eu');
CREATE TABLE measurement_2025_rest PARTITION OF measurement_2025 DEFAULT;
CREATE TABLE measurement_2026 PARTITION OF measurement FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE measurement_rest PARTITION OF measurement DEFAULT;
-- A partition whose columns lie in another order.
CREATE TABLE measurement_odd (value numeric(10,3), region text NOT NULL, dropped int, at date NOT NULL, id bigint NOT NULL);
ALTER TABLE measurement_odd DROP COLUMN dropped;
ALTER TABLE measurement ATTACH PARTITION measurement_odd FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
INSERT INTO measurement SELECT g, date '2024-06-01' + g * 2, (ARRAY['eu', 'us', 'asia'])[1 + g % 3], g / 8.0 FROM generate_series(1, 700) g;
CREATE TABLE hashed (id int, v text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT g, 'v' || g FROM generate_series(1, 100) g;
CREATE TABLE empty_parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parent (id int PRIMARY KEY, name text);
INSERT INTO parent VALUES (1, 'parent row');
CREATE TABLE child (extra text) INHERITS (parent);
ALTER TABLE child ADD PRIMARY KEY (id);
INSERT INTO child VALUES (2, 'child row', 'extra');

-- Rows with a past: dropped columns, columns added with a default, dead rows, values out of line.
CREATE TABLE dropped_columns (gone1 int, id int PRIMARY KEY, gone2 text, kept text, gone3 numeric);
INSERT INTO dropped_columns VALUES (1, 1, 'x', 'kept', 1.5);
ALTER TABLE dropped_columns DROP COLUMN gone1, DROP COLUMN gone2, DROP COLUMN gone3;
ALTER TABLE dropped_columns ADD COLUMN added int NOT NULL DEFAULT 42, ADD COLUMN added_null text;
INSERT INTO dropped_columns VALUES (2, 'newer', 43, 'set');
CREATE TABLE toasted (id int PRIMARY KEY, plain text, external text, compressed text);
ALTER TABLE toasted ALTER COLUMN external SET STORAGE EXTERNAL, ALTER COLUMN compressed SET STORAGE MAIN;
INSERT INTO toasted SELECT g, repeat(md5(g::text), 300), repeat(md5('e' || g), 300), repeat('ab', 5000) FROM generate_series(1, 20) g;
UPDATE toasted SET plain = plain || 'x' WHERE id % 2 = 0;
DELETE FROM toasted WHERE id % 7 = 0;
CREATE TABLE many_rows (id int PRIMARY KEY, v text, w numeric(12,4), at timestamp);
INSERT INTO many_rows SELECT g, CASE WHEN g % 11 > 0 THEN md5(g::text) END, g * 1.0625, timestamp '2020-01-01' + g * interval '1 hour'
  FROM generate_series(1, 20000) g;
DELETE FROM many_rows WHERE id % 10 = 3;
UPDATE many_rows SET v = 'updated' WHERE id % 100 = 7;

COMMENT ON TABLE many_rows IS 'Many rows, with a "quoted" comment: é 🐘';
COMMENT ON COLUMN many_rows.w IS 'weight in kg';
CREATE UNLOGGED TABLE unlogged_table (id int PRIMARY KEY, v text);
INSERT INTO unlogged_table VALUES (1, 'unlogged');

-- No tables.
CREATE VIEW a_view AS SELECT * FROM no_key;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM no_key;
CREATE SEQUENCE a_sequence;
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE a_foreign_table (line text) SERVER files OPTIONS (filename '/etc/hostname');
ANALYZE;
