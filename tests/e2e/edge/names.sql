-- Names that break quoting, file systems and other people's parsers.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SET search_path = edge, public;
CREATE TABLE "with space" (id int PRIMARY KEY, "a column" text);
INSERT INTO "with space" VALUES (1, 'x'), (2, NULL);
CREATE TABLE "dotted.name" (id int PRIMARY KEY, "a.b" text, "a.b.c" int);
INSERT INTO "dotted.name" VALUES (1, 'x', 1);
CREATE TABLE "quo""te'd" (id int PRIMARY KEY, "col""umn" text, "apo'strophe" text, "back\slash" text, "back`tick" text);
INSERT INTO "quo""te'd" VALUES (1, 'a', 'b', 'c', 'd');
CREATE TABLE "ünïcödé 日本 🐘" ("шифр" int PRIMARY KEY, "naïve" text, "名前" text, "🧊" numeric(5,2));
INSERT INTO "ünïcödé 日本 🐘" VALUES (1, 'é', '日本', 1.50), (2, NULL, NULL, NULL);
CREATE TABLE "CamelCase" ("Id" int PRIMARY KEY, "fullName" text, "ORDER" int, "select" int);
INSERT INTO "CamelCase" VALUES (1, 'x', 2, 3);
CREATE TABLE "select" (id int PRIMARY KEY, "from" text, "where" text, "group" text, "table" text);
INSERT INTO "select" VALUES (1, 'a', 'b', 'c', 'd');
CREATE TABLE "100%_of{it}[x]:y;z,w=v#u?t&s+r@q!p$o^n(m)" (id int PRIMARY KEY, "50%_{x}[y]:z;a,b=c#d?e&f+g@h!i$j^k(l)" text);
INSERT INTO "100%_of{it}[x]:y;z,w=v#u?t&s+r@q!p$o^n(m)" VALUES (1, 'percent');
CREATE TABLE sixty_three_bytes_is_the_longest_name_that_postgresql_keeps_whole (
  id int PRIMARY KEY, sixty_three_bytes_is_the_longest_name_that_postgresql_keeps_whole text);
INSERT INTO sixty_three_bytes_is_the_longest_name_that_postgresql_keeps_whole VALUES (1, 'long');
CREATE TABLE column_twins (id int PRIMARY KEY, "Name" text, name text, "NAME" text);
INSERT INTO column_twins VALUES (1, 'Name', 'name', 'NAME');
CREATE TABLE nested_names (id int PRIMARY KEY, element int[], key_value hstore, list text[], "key" text, "value" text);
INSERT INTO nested_names VALUES (1, '{1}', 'a=>b', '{x}', 'k', 'v');
CREATE TABLE "1digit" (id int PRIMARY KEY, "1st" int, "_x" int, "-" int, " " int);
INSERT INTO "1digit" VALUES (1, 2, 3, 4, 5);
CREATE TABLE "slash/ed" (id int PRIMARY KEY, "a/b" text);
INSERT INTO "slash/ed" VALUES (1, 'slash');
CREATE TABLE twins (id int PRIMARY KEY, lower text);
INSERT INTO twins VALUES (1, 'lower');
CREATE TABLE "Twins" (id int PRIMARY KEY, upper text);
INSERT INTO "Twins" VALUES (1, 'upper');
CREATE TABLE "metadata" (id int PRIMARY KEY, data text);
INSERT INTO "metadata" VALUES (1, 'a table named as a folder of Iceberg');

-- The same names in another schema.
CREATE SCHEMA other;
CREATE TABLE other.twins (id bigint PRIMARY KEY, elsewhere text);
INSERT INTO other.twins VALUES (9, 'other schema');
CREATE TABLE other.t_integer (id int PRIMARY KEY, note text);
INSERT INTO other.t_integer VALUES (1, 'not edge');
