-- Every type at its edges. Each table has a key and, in its last row, nothing but nulls.
-- Only values that their Iceberg type holds: policy.sql has the others.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE EXTENSION hstore;
CREATE EXTENSION ltree;
CREATE EXTENSION citext;
CREATE EXTENSION cube;
CREATE EXTENSION seg;
CREATE EXTENSION isn;
CREATE EXTENSION postgis;
CREATE SCHEMA edge;
COMMENT ON SCHEMA edge IS 'every type at its edges';
SET search_path = edge, public;

-- ------------------------------------------------------------------ numbers

CREATE TABLE t_integer (id int PRIMARY KEY, small smallint, whole integer, big bigint, yes boolean);
INSERT INTO t_integer VALUES
  (-2147483648, -32768, -2147483648, -9223372036854775808, false),
  (-1, -1, -1, -1, true), (0, 0, 0, 0, false), (1, 1, 1, 1, true),
  (2147483647, 32767, 2147483647, 9223372036854775807, true),
  (5, NULL, NULL, NULL, NULL);

CREATE TABLE t_float (id int PRIMARY KEY, single real, twice double precision);
INSERT INTO t_float VALUES
  (1, 'NaN', 'NaN'), (2, 'Infinity', 'Infinity'), (3, '-Infinity', '-Infinity'), (4, 0, 0), (5, '-0', '-0'),
  (6, '1.17549435e-38', '2.2250738585072014e-308'), (7, '3.4028235e38', '1.7976931348623157e308'),
  (8, '-3.4028235e38', '-1.7976931348623157e308'), (9, '1e-45', '5e-324'), (10, 0.1, 0.1),
  (11, 16777217, 9007199254740993), (12, 1.5, -2.25), (13, NULL, NULL);

-- Bounds must not be poisoned by NaN, nor nulls be counted as values.
CREATE TABLE t_float_nan (id int PRIMARY KEY, only_nan double precision, nan_and_null real);
INSERT INTO t_float_nan VALUES (1, 'NaN', 'NaN'), (2, 'NaN', NULL);

CREATE TABLE t_numeric (id int PRIMARY KEY,
  n1 numeric(1,0), n9 numeric(9,2), n10 numeric(10,2), n18 numeric(18,4), n19 numeric(19,4), n38 numeric(38,0),
  n38_19 numeric(38,19), n38_38 numeric(38,38), all_fraction numeric(4,4), hundreds numeric(5,-2),
  millions numeric(1,-6), tiny numeric(3,5), plain numeric(12));
INSERT INTO t_numeric VALUES
  (1, 9, 9999999.99, 99999999.99, 99999999999999.9999, 999999999999999.9999, 99999999999999999999999999999999999999,
   9999999999999999999.9999999999999999999, 0.99999999999999999999999999999999999999, 0.9999, 9999900, 9000000, 0.00999,
   999999999999),
  (2, -9, -9999999.99, -99999999.99, -99999999999999.9999, -999999999999999.9999, -99999999999999999999999999999999999999,
   -9999999999999999999.9999999999999999999, -0.99999999999999999999999999999999999999, -0.9999, -9999900, -9000000,
   -0.00999, -999999999999),
  (3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  (4, 1, 0.01, 0.01, 0.0001, 0.0001, 1, 0.0000000000000000001, 0.00000000000000000000000000000000000001, 0.0001, 100,
   1000000, 0.00001, 1),
  (5, -1, -0.01, -0.01, -0.0001, -0.0001, -1, -0.0000000000000000001, -0.00000000000000000000000000000000000001, -0.0001,
   -100, -1000000, -0.00001, -1),
  (6, 5, 1234567.89, 12345678.90, 12345678901234.5678, 123456789012345.6789, 12345678901234567890123456789012345678,
   1234567890123456789.1234567890123456789, 0.12345678901234567890123456789012345678, 0.1234, 123400, 3000000, 0.00123,
   123456789012),
  (7, 1, 10000, 10000, 10000, 10000, 10000000000000000000000000000000000000, 10000.0001, 0.0001, 0.1, 1000000, 1000000,
   0.001, 100000000000),
  (8, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE t_numeric_unbounded (id int PRIMARY KEY, free numeric, wide numeric(60,10), free_list numeric[]);
INSERT INTO t_numeric_unbounded VALUES
  (1, 9999999999999999999999999999.9999999999, 9999999999999999999999999999.9999999999, '{1.5,NULL,-0.0000000001}'),
  (2, -9999999999999999999999999999.9999999999, -9999999999999999999999999999.9999999999, '{}'),
  (3, 0, 0, '{0}'), (4, 0.1, 0.1, '{123456789.123456789}'), (5, 1e27, 1e27, '{1e27}'), (6, 12.30, 12.30, '{12.30}'),
  (7, NULL, NULL, NULL);

CREATE TABLE t_money (id int PRIMARY KEY, price money);
INSERT INTO t_money VALUES (1, '-92233720368547758.08'), (2, '92233720368547758.07'), (3, '0'), (4, '-0.01'), (5, NULL);

-- ------------------------------------------------------------------ text and bytes

CREATE TABLE t_text (id int PRIMARY KEY, free text, limited varchar(20), fixed char(5), one char(1), code "char",
  ident name, folded citext);
INSERT INTO t_text VALUES
  (1, '', '', '', '', '', '', ''),
  (2, 'plain', 'plain', 'abc', 'x', 'x', 'plain', 'Plain'),
  (3, E'tab\tnew\nline\rquote"apostrophe''back\\slash', E'a\tb\n', E'a\n', E'\n', E'\\', E'a"b', E'A\tB'),
  (4, '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 🐘🧊👩‍👩‍👧‍👦', '🐘🧊', '🐘', '🐘', '~', 'naïve_日本', 'ÄÖÜ'),
  (5, E'combining e\u0301 rtl \u05E9\u05DC\u05D5\u05DD bom \uFEFF nonchar \uFFFF max \U0010FFFF', E'\u0301', E'\u00E9', 'é', ' ',
   repeat('n', 63), 'ß'),
  (6, '\N', 'NULL', 'null', 'N', 'N', 'NULL', 'null'),
  (7, E'\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x1f\x7f', E'\x01', E'\x02', E'\x7f', '1', E'\x1f', E'\x01'),
  (8, '  leading and trailing  ', ' x ', ' x', ' ', 'b', ' name ', ' x '),
  (9, 'null', '{}', '[]', '0', '0', 'none', 'None'),
  (10, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- Column bounds: long common prefixes, and characters after which there is no larger one.
CREATE TABLE t_text_bounds (id int PRIMARY KEY, long_prefix text, highest text, bytes_high bytea);
INSERT INTO t_text_bounds
  SELECT g, repeat('prefix ', 20) || g, repeat(U&'\+10FFFF', 20) || g, decode(repeat('ff', 40), 'hex')
  FROM generate_series(1, 5) g;

CREATE TABLE t_text_big (id int PRIMARY KEY, body text, noise text);
ALTER TABLE t_text_big ALTER COLUMN noise SET STORAGE EXTERNAL;
INSERT INTO t_text_big VALUES
  (1, repeat('x', 1048576), (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 32768) g)),
  (2, repeat('🐘é', 262144), ''), (3, '', 'small'), (4, NULL, NULL);

CREATE TABLE t_bytea (id int PRIMARY KEY, data bytea);
INSERT INTO t_bytea VALUES
  (1, ''), (2, '\x00'), (3, decode((SELECT string_agg(lpad(to_hex(g), 2, '0'), '') FROM generate_series(0, 255) g), 'hex')),
  (4, decode(repeat('00ff', 524288), 'hex')), (5, '\xff'), (6, NULL);

CREATE TABLE t_uuid (id uuid PRIMARY KEY, other uuid);
INSERT INTO t_uuid VALUES
  ('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  ('ffffffff-ffff-ffff-ffff-ffffffffffff', '80000000-0000-0000-0000-000000000001'),
  ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NULL);

CREATE TABLE t_bit (id int PRIMARY KEY, one bit(1), eight bit(8), vary bit varying, vary5 bit varying(5));
INSERT INTO t_bit VALUES
  (1, B'0', B'00000000', B'', B''), (2, B'1', B'11111111', B'1', B'10101'),
  (3, B'1', B'10000001', repeat('10', 100)::bit varying, B'0'), (4, NULL, NULL, NULL, NULL);

-- ------------------------------------------------------------------ time

CREATE TABLE t_date (id int PRIMARY KEY, day date);
INSERT INTO t_date VALUES (1, '0001-01-01'), (2, '9999-12-31'), (3, '1969-12-31'), (4, '1970-01-01'), (5, '1582-10-04'),
  (6, '1582-10-15'), (7, '2000-02-29'), (8, '1900-02-28'), (9, '2026-11-23'), (10, NULL);

CREATE TABLE t_timestamp (id int PRIMARY KEY, at timestamp, at0 timestamp(0), at3 timestamp(3), zoned timestamptz,
  zoned0 timestamptz(0));
INSERT INTO t_timestamp VALUES
  (1, '0001-01-01 00:00:00', '0001-01-01 00:00:00', '0001-01-01 00:00:00', '0001-01-01 00:00:00+00', '0001-01-01 00:00:00+00'),
  (2, '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59', '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999999+00', '9999-12-31 23:59:59+00'),
  (3, '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59', '1969-12-31 23:59:59.999', '1969-12-31 23:59:59.999999+00', '1969-12-31 23:59:59+00'),
  (4, '1970-01-01', '1970-01-01', '1970-01-01', '1970-01-01+00', '1970-01-01+00'),
  (5, '2026-03-29 02:30:00', '2026-03-29 02:30:00', '2026-03-29 02:30:00.5', '2026-03-29 02:30:00+02', '2026-10-25 02:30:00+01'),
  (6, '1900-01-01 00:00:00.000001', '1900-01-01', '1900-01-01 00:00:00.001', '1900-01-01 00:00:00.000001-12', '1900-01-01+15:59'),
  (7, NULL, NULL, NULL, NULL, NULL);

-- Years that Iceberg's types hold and PostgreSQL has, though many programs can't show them.
CREATE TABLE t_time_far (id int PRIMARY KEY, day date, at timestamp, zoned timestamptz);
INSERT INTO t_time_far VALUES
  (1, '4713-01-01 BC', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC'),
  (2, '0044-03-15 BC', '0044-03-15 12:00:00.5 BC', '0044-03-15 12:00:00.5+00 BC'),
  (3, '0001-12-31 BC', '0001-12-31 23:59:59.999999 BC', '0001-12-31 23:59:59.999999+00 BC'),
  (4, '10000-01-01', '10000-01-01', '10000-01-01+00'),
  (5, '99999-12-31', '99999-12-31 23:59:59', '99999-12-31 23:59:59+00'),
  (6, '294246-12-31', '294246-12-31 23:59:59.999999', '294246-12-31 23:59:59.999999+00');

CREATE TABLE t_time (id int PRIMARY KEY, clock time, clock0 time(0), zoned timetz, span interval);
INSERT INTO t_time VALUES
  (1, '00:00:00', '00:00:00', '00:00:00+00', '0'),
  (2, '23:59:59.999999', '23:59:59', '23:59:59.999999-15:59', '178000000 years'),
  (3, '12:00:00.5', '12:00:00', '12:00:00.5+05:30', '-178000000 years'),
  (4, '00:00:00.000001', '00:00:01', '00:00:00.000001+15:59:59', '1 year 2 months 3 days 04:05:06.789'),
  (5, '13:14:15.16', '13:14:15', '13:14:15.16+00', '-1 days +02:03:04'),
  (6, '01:02:03', '01:02:03', '01:02:03-08', '1 month -1 day'),
  (7, '06:00', '06:00', '06:00+00', '-00:00:00.000001'),
  (8, NULL, NULL, NULL, NULL);

CREATE TABLE t_time_midnight (id int PRIMARY KEY, clock time, zoned timetz);
INSERT INTO t_time_midnight VALUES (1, '24:00:00', '24:00:00+00'), (2, '00:00', '00:00+00');

-- ------------------------------------------------------------------ documents and text forms

CREATE TYPE mood AS ENUM ('', 'sad', 'ok', 'happy "quoted", {braced}', 'глад', '🐘');
CREATE TABLE t_document (id int PRIMARY KEY, j json, jb jsonb, x xml, path jsonpath, feeling mood);
INSERT INTO t_document VALUES
  (1, '{}', '{}', '<a/>', '$', ''),
  (2, '{"b": 1,   "a": [1,2,{"x":null}], "b": 2}', '{"b": 1,   "a": [1,2,{"x":null}], "b": 2}', '<?xml version="1.0"?><r a="1">t&amp;é🐘</r>', '$.a[*] ? (@ > 1)', 'sad'),
  (3, 'null', 'null', 'text only', '$.*', 'ok'),
  (4, '"\u00e9 \ud83d\udc18 \\ \""', '"\u00e9 \ud83d\udc18 \\ \""', '<!-- c --><a><![CDATA[<>]]></a>', 'strict $', 'happy "quoted", {braced}'),
  (5, '12345678901234567890.123456789012345678901234567890', '12345678901234567890.123456789012345678901234567890', '', 'lax $.a', 'глад'),
  (6, '[1e400, -0, 1E-7]', '[1e40, -0, 1E-7]', ('<a>' || repeat('x', 5000) || '</a>')::xml, '$.a.b', '🐘'),
  (7, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE t_network (id int PRIMARY KEY, host inet, net cidr, mac macaddr, mac8 macaddr8);
INSERT INTO t_network VALUES
  (1, '0.0.0.0', '0.0.0.0/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00'),
  (2, '255.255.255.255', '10.0.0.0/8', 'ff:ff:ff:ff:ff:ff', 'ff:ff:ff:ff:ff:ff:ff:ff'),
  (3, '192.168.0.1/24', '192.168.0.0/24', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
  (4, '::1', '::/0', '01:23:45:67:89:ab', '01:23:45:67:89:ab:cd:ef'),
  (5, '2001:db8::ff00:42:8329/64', '2001:db8::/32', NULL, NULL),
  (6, '::ffff:1.2.3.4', '::ffff:1.2.3.0/120', NULL, NULL), (7, NULL, NULL, NULL, NULL);

CREATE TABLE t_geometric (id int PRIMARY KEY, p point, l line, s lseg, b box, open_path path, area polygon, c circle);
INSERT INTO t_geometric VALUES
  (1, '(0,0)', '{1,-1,0}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(0,0),1>'),
  (2, '(1e300,-1e-300)', '{0.1,0.2,0.3}', '[(-1,-1),(1e10,0.5)]', '(1e10,3),(2,2)', '((0,0),(1,1),(2,0))', '((0.1,0.2),(3,4))', '<(0.1,-0.2),0>'),
  (3, '(Infinity,NaN)', '{0,1,-5}', '[(1,2),(3,4)]', '(3,4),(1,2)', '[(1,2)]', '((1,2))', '<(1,2),3>'),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE t_search (id int PRIMARY KEY, vector tsvector, query tsquery);
INSERT INTO t_search VALUES (1, '', ''), (2, 'a:1A fat:2B,4C cat:5D', 'fat & (rat | cat) & !dog'),
  (3, $$'it''s' 'back\\slash' 'sp ace':3$$, 'super:*A <-> star'), (4, to_tsvector('simple', 'ein Elefant 🐘 läuft'), '''q uoted'''), (5, NULL, NULL);

CREATE TYPE float_range AS RANGE (subtype = float8);
CREATE TABLE t_range (id int PRIMARY KEY, i4 int4range, i8 int8range, n numrange, t tsrange, tz tstzrange, d daterange,
  f float_range, mi int4multirange, mn nummultirange, mt tstzmultirange);
INSERT INTO t_range VALUES
  (1, 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}', '{}'),
  (2, '(,)', '(,)', '(,)', '(,)', '(,)', '(,)', '(,)', '{(,)}', '{(,)}', '{(,)}'),
  (3, '[1,10)', '[-9223372036854775808,9223372036854775807)', '(0.10,99.990]', '[2026-01-01,2026-01-02 00:00:00.000001)', '[2026-01-01 00:00+02,)',
   '[2026-01-01,2026-12-31]', '[0.1,0.3)', '{[1,3),[5,9)}', '{[0.1,0.2],(5.00,)}', '{[2026-01-01 00:00+02,2026-01-02 00:00+02)}'),
  (4, '[1,1]', '(,5]', '[NaN,NaN]', '(,infinity]', '[-infinity,infinity]', '(,infinity)', '[-Infinity,Infinity]', '{[1,2)}', '{(,1)}', '{(,2026-01-01)}'),
  (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE t_ltree (id int PRIMARY KEY, path ltree, query lquery, text_query ltxtquery);
INSERT INTO t_ltree VALUES (1, '', '*', 'a'), (2, 'Top.Science.Astronomy', 'Top.*{0,2}.!x', 'Europe & Russia*@ & !Transport'), (3, NULL, NULL, NULL);

CREATE TABLE t_extension (id int PRIMARY KEY, c cube, s seg, book isbn, ean ean13);
INSERT INTO t_extension VALUES (1, '(1,2),(3,4.5)', '1.5 .. 2.50', '978-0-393-04002-9', '9780393040029'), (2, '0', '<5.0', NULL, NULL), (3, NULL, NULL, NULL, NULL);

CREATE TABLE t_hstore (id int PRIMARY KEY, tags hstore);
INSERT INTO t_hstore VALUES (1, ''), (2, 'a=>1, b=>NULL, ""=>empty, "quote\"d"=>"back\\slash, comma=>arrow"'),
  (3, '"🐘"=>"eléfant", "NULL"=>"NULL"'), (4, NULL);

CREATE TABLE t_system (id int PRIMARY KEY, o oid, x xid, x8 xid8, c cid, t tid, lsn pg_lsn, cls regclass, typ regtype,
  prc regproc, oper regoperator, rol regrole, nsp regnamespace, snap pg_snapshot, old_snap txid_snapshot, ints int2vector,
  oids oidvector, cur refcursor, acl aclitem);
INSERT INTO t_system VALUES
  (1, 0, '0', '0', '0', '(0,0)', '0/0', 'pg_class', 'int4', 'now', '+(int4,int4)', 'postgres', 'pg_catalog', '10:20:10,14', '10:20:10,14', '', '', 'c', 'postgres=r/postgres'),
  (2, 4294967295, '4294967295', '18446744073709551615', '4294967295', '(4294967295,65535)', 'FFFFFFFF/FFFFFFFF',
   'edge.t_integer', 'timestamp with time zone', '0', '-(float8,float8)', '0', 'edge', '1:1:', '1:1:', '1 -2 3', '1 4294967295', '', 'postgres=arwdDxt/postgres'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- ------------------------------------------------------------------ arrays, composites, domains

CREATE TABLE t_array (id int PRIMARY KEY, ints int[], bigs bigint[], texts text[], bools boolean[], floats float8[],
  decimals numeric(10,2)[], days date[], moments timestamptz[], bytes bytea[], uuids uuid[], moods mood[], docs jsonb[],
  chars char(3)[], spans interval[], clocks time[], maps hstore[]);
INSERT INTO t_array VALUES
  (1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
  (2, '{1,NULL,-2147483648}', '{9223372036854775807,NULL}', ARRAY['', 'NULL', NULL, 'a"b', 'c\d', 'e,f', '{g}', ' h ', E'i\nj', '🐘'],
   '{t,f,NULL}', '{NaN,Infinity,-0,NULL,1.5}', '{0.01,NULL,-99999999.99}', '{0001-01-01,NULL,9999-12-31}',
   '{"2026-01-01 00:00:00.000001+02",NULL}', ARRAY['\x'::bytea, '\x00ff', NULL], '{00000000-0000-0000-0000-000000000000,NULL}',
   ARRAY['ok', NULL, '', 'happy "quoted", {braced}']::mood[], ARRAY['{"a": [1, "x"]}', 'null', NULL]::jsonb[], '{a,NULL,abc}',
   '{"1 day 02:00:00",NULL}', '{23:59:59.999999,NULL}', ARRAY['a=>1', NULL, '']::hstore[]),
  (3, '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}'),
  (4, (SELECT array_agg(g) FROM generate_series(1, 10000) g), NULL, (SELECT array_agg(repeat('x', g)) FROM generate_series(1, 200) g),
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE t_array_text (id int PRIMARY KEY, matrix int[][], cube_of_text text[][][]);
INSERT INTO t_array_text VALUES (1, '{{1,2},{3,NULL}}', '{{{a,"b c"}},{{"\"",NULL}}}'), (2, '{}', '{}'), (3, '{1,2}', '{x}'),
  (4, '[0:1][2:2]={{1},{2}}', NULL), (5, NULL, NULL);

CREATE TYPE place AS (street text, number int, price numeric(10,2), since date);
CREATE TYPE person AS (name text, home place, phones text[], places place[]);
CREATE TABLE t_composite (id int PRIMARY KEY, p place, who person, many place[]);
INSERT INTO t_composite VALUES
  (1, ROW('Main "St", (x)', 1, 0.01, '2026-01-01'), ROW('Ann', ROW('a', 1, 2.50, '0001-01-01'), '{1,NULL}', ARRAY[ROW('b', 2, NULL, NULL)::place, NULL]),
   ARRAY[ROW('x', 1, 1.00, '1970-01-01'), NULL, ROW(NULL, NULL, NULL, NULL)]::place[]),
  (2, ROW('', 0, 0, '9999-12-31'), ROW('', NULL, '{}', '{}'), '{}'),
  (3, ROW(NULL, NULL, NULL, NULL), ROW(NULL, ROW(NULL, NULL, NULL, NULL), NULL, NULL), '{NULL}'),
  (4, ROW(E'back\\slash\nline 🐘', -5, -0.01, NULL), ROW('Bob', NULL, '{"a\"b"}', NULL), NULL),
  (5, NULL, NULL, NULL);

CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN small_positive AS positive CHECK (VALUE < 1000);
CREATE DOMAIN price AS numeric(10,2) NOT NULL DEFAULT 0;
CREATE DOMAIN email AS citext;
CREATE DOMAIN a_mood AS mood;
CREATE DOMAIN int_list AS int[];
CREATE DOMAIN a_place AS place;
CREATE DOMAIN raw AS bytea;
CREATE DOMAIN moment AS timestamptz(3);
CREATE DOMAIN ident AS uuid;
CREATE TABLE t_domain (id ident PRIMARY KEY, p positive, s small_positive, c price, e email, m a_mood, l int_list, w a_place, r raw,
  t moment, list_of_domain positive[]);
INSERT INTO t_domain VALUES
  ('00000000-0000-0000-0000-000000000001', 1, 999, 99999999.99, 'A@b.C', 'ok', '{1,NULL}', ROW('s', 1, 1, NULL), '\x00ff', '2026-01-01 00:00:00.1234+00', '{1,NULL,2147483647}'),
  ('00000000-0000-0000-0000-000000000002', 2147483647, 1, 0, '', '', '{}', NULL, '', '1970-01-01+00', '{}'),
  ('00000000-0000-0000-0000-000000000003', NULL, NULL, -0.01, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE t_postgis (id int PRIMARY KEY, shape geometry, place geometry(Point, 4326), spot geography, polygon geometry(PolygonZ, 3857), shapes geometry[]);
INSERT INTO t_postgis VALUES
  (1, 'POINT(1 2)', 'SRID=4326;POINT(-71.06 42.36)', 'POINT(13.4 52.5)', 'SRID=3857;POLYGON Z ((0 0 1,1 0 1,1 1 1,0 0 1))', ARRAY['POINT(1 2)'::geometry, NULL]),
  (2, 'POINT EMPTY', 'SRID=4326;POINT(180 90)', 'LINESTRING(0 0,1 1)', NULL, '{}'),
  (3, 'SRID=4326;GEOMETRYCOLLECTION(POINT ZM (1 2 3 4),LINESTRING ZM (0 0 0 0,1 1 1 1))', NULL, NULL, NULL, NULL), (4, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE t_generated (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED,
  label text GENERATED ALWAYS AS ('#' || a::text) STORED, counter bigint GENERATED BY DEFAULT AS IDENTITY);
INSERT INTO t_generated (id, a) VALUES (1, 5), (2, -7), (3, NULL);
