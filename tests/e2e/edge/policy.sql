-- Values that their Iceberg type cannot hold: one table a kind, so that each policy can be seen alone.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE SCHEMA policy;
SET search_path = policy, public;
CREATE TABLE numeric_nan (id int PRIMARY KEY, v numeric(10,2));
INSERT INTO numeric_nan VALUES (1, 1.50), (2, 'NaN'), (3, NULL);
CREATE TABLE numeric_infinity (id int PRIMARY KEY, v numeric);
INSERT INTO numeric_infinity VALUES (1, 1.5), (2, 'Infinity'), (3, '-Infinity');
CREATE TABLE numeric_scale (id int PRIMARY KEY, v numeric);
INSERT INTO numeric_scale VALUES (1, 1.5), (2, 0.12345678905), (3, -0.00000000005), (4, 0.00000000004);
CREATE TABLE numeric_range (id int PRIMARY KEY, v numeric);
INSERT INTO numeric_range VALUES (1, 1.5), (2, 1e28), (3, -1e40);
CREATE TABLE date_infinity (id int PRIMARY KEY, v date);
INSERT INTO date_infinity VALUES (1, '2026-01-01'), (2, 'infinity'), (3, '-infinity');
CREATE TABLE timestamp_infinity (id int PRIMARY KEY, v timestamp, z timestamptz);
INSERT INTO timestamp_infinity VALUES (1, '2026-01-01', '2026-01-01+00'), (2, 'infinity', 'infinity'), (3, '-infinity', '-infinity');
CREATE TABLE timestamp_far (id int PRIMARY KEY, v timestamp);
INSERT INTO timestamp_far VALUES (1, '2026-01-01'), (2, '294276-12-31 23:59:59.999999');
CREATE TABLE array_matrix (id int PRIMARY KEY, v int[]);
INSERT INTO array_matrix VALUES (1, '{1,2}'), (2, '{{1,2},{3,4}}');
