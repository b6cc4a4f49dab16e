-- A shop: 23 tables, the same rows every time. Two sessions at once: psql -v part=1 and -v part=2, each its own tables.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SET synchronous_commit = off;
SET work_mem = '128MB';
SET maintenance_work_mem = '256MB';
SET search_path = shop;
SELECT :part = 1 AS first \gset

\if :first
CREATE TABLE country (code char(2) PRIMARY KEY, name text NOT NULL, currency char(3) NOT NULL, vat numeric(4,2));
INSERT INTO country SELECT chr(65 + g / 6) || chr(65 + g % 26), 'Country ' || g, (ARRAY['EUR','USD','GBP','CHF'])[1 + g % 4], 15 + g % 12
  FROM generate_series(0, 59) g;
CREATE TABLE currency (code char(3) PRIMARY KEY, digits smallint NOT NULL, name text);
INSERT INTO currency VALUES ('EUR', 2, 'Euro'), ('USD', 2, 'US Dollar'), ('GBP', 2, 'Pound'), ('CHF', 2, 'Franken'), ('JPY', 0, '円');
CREATE TABLE category (id int PRIMARY KEY, parent_id int, name text NOT NULL, path text[] NOT NULL);
INSERT INTO category SELECT g, NULLIF(g / 8, 0), 'Category ' || g, ARRAY['all', 'group ' || g / 8, 'category ' || g] FROM generate_series(1, 200) g;
CREATE TABLE supplier (id int PRIMARY KEY, name text NOT NULL, country char(2), rating real, contract daterange, active boolean NOT NULL);
INSERT INTO supplier SELECT g, 'Supplier ' || md5(g::text), chr(65 + g % 26) || 'A', (g % 50) / 10.0,
  daterange(date '2015-01-01' + g, NULL), g % 9 > 0 FROM generate_series(1, 800) g;
CREATE TABLE warehouse (id smallint PRIMARY KEY, name text, location point, address inet);
INSERT INTO warehouse SELECT g, 'Warehouse ' || g, point(g * 1.5, 50 - g), ('10.0.' || g || '.1')::inet FROM generate_series(1, 20) g;
CREATE TABLE store (id int PRIMARY KEY, name text, opened date, open_at time, close_at time, manager uuid);
INSERT INTO store SELECT g, 'Store ' || g, date '2001-01-01' + g * 30, '08:00', '20:30', md5('m' || g)::uuid FROM generate_series(1, 120) g;
CREATE TABLE employee (id uuid PRIMARY KEY, store_id int, name text, salary money, hired date, skills text[], photo bytea);
INSERT INTO employee SELECT md5('m' || g)::uuid, 1 + g % 120, 'Employee ' || g, (2000 + g % 3000)::money, date '2010-01-01' + g % 5000,
  ARRAY['till', 'stock', NULL], decode(repeat(md5(g::text), 8), 'hex') FROM generate_series(1, 3000) g;
CREATE TABLE product (id int PRIMARY KEY, sku varchar(20) NOT NULL, name text NOT NULL, category_id int, supplier_id int, price numeric(10,2) NOT NULL,
  weight_g int, attributes jsonb, tags text[], created timestamptz NOT NULL, discontinued boolean NOT NULL);
INSERT INTO product SELECT g, 'SKU-' || lpad(g::text, 8, '0'), 'Product ' || md5(g::text), 1 + g % 200, 1 + g % 800, (g % 50000) / 100.0 + 0.99,
  50 + g % 9000, jsonb_build_object('colour', (ARRAY['red', 'green', 'blue', 'grün'])[1 + g % 4], 'size', g % 48),
  ARRAY['tag' || g % 20, 'tag' || g % 7], timestamptz '2019-01-01 00:00+00' + g * interval '13 minutes', g % 40 = 0 FROM generate_series(1, 60000) g;
CREATE TABLE product_price (product_id int, valid_from date, price numeric(10,2) NOT NULL, currency char(3) NOT NULL);
INSERT INTO product_price SELECT 1 + g % 60000, date '2020-01-01' + g / 60000 * 180, (g % 50000) / 100.0 + 0.49, 'EUR' FROM generate_series(0, 239999) g;
CREATE TABLE inventory (warehouse_id smallint, product_id int, quantity int NOT NULL, counted_at timestamptz);
INSERT INTO inventory SELECT 1 + g % 5, g / 5 + 1, (g * 7919::bigint) % 500, timestamptz '2026-01-01 00:00+00' - g * interval '1 second'
  FROM generate_series(0, 299999) g;
CREATE TABLE customer_profile (id bigint PRIMARY KEY, created timestamp NOT NULL, segment varchar(10), first_name text, last_name text, birthday date,
  score numeric(22,7), lifetime_value numeric(22,7));
DO $$
BEGIN
  EXECUTE (SELECT 'ALTER TABLE customer_profile ' || string_agg(format('ADD COLUMN attribute_%s %s', lpad(g::text, 2, '0'),
    (ARRAY['varchar(50)', 'numeric(22,7)', 'timestamp', 'text', 'char(1)', 'integer'])[1 + g % 6]), ', ') FROM generate_series(1, 52) g);
  EXECUTE (SELECT 'INSERT INTO customer_profile SELECT n, timestamp ''2018-01-01'' + n * interval ''31 minutes'', ''SEG-'' || n % 12, '
    || '(ARRAY[''Anna'',''Boris'',''Chen'',''Dmitri'',''Elena'',''Farid''])[1 + n % 6], initcap(left(md5(n::text), 9)), date ''1940-01-01'' + n % 24000, '
    || '(n % 1000) / 7.0, n * 1.0625, ' || string_agg(CASE g % 6
      WHEN 0 THEN format('CASE WHEN (n + %s) %% 3 > 0 THEN ''value '' || (n * %s) %% 1000 END', g, g)
      WHEN 1 THEN format('CASE WHEN (n + %s) %% 5 = 0 THEN (n %% 10007) * 1.5 END', g)
      WHEN 2 THEN format('CASE WHEN (n + %s) %% 7 = 0 THEN timestamp ''2020-01-01'' + n * interval ''1 minute'' END', g)
      WHEN 3 THEN format('CASE WHEN (n + %s) %% 11 = 0 THEN ''a longer note '' || n END', g)
      WHEN 4 THEN format('CASE WHEN (n + %s) %% 2 = 0 THEN ''Y'' ELSE ''N'' END', g)
      ELSE format('(n * %s) %% 1000', g) END, ', ') || ' FROM generate_series(1, 120000) n' FROM generate_series(1, 52) g);
END $$;
CREATE TABLE review (id bigint PRIMARY KEY, product_id int NOT NULL, customer_id bigint NOT NULL, stars smallint NOT NULL, body text, at timestamptz);
INSERT INTO review SELECT g, 1 + g % 60000, 1 + (g * 31) % 300000, 1 + g % 5, repeat('Good, ' || left(md5(g::text), 12) || '. ', (1 + g % 8)::int),
  timestamptz '2022-01-01 00:00+00' + g * interval '7 minutes' FROM generate_series(1::bigint, 200000) g;
CREATE TABLE coupon (code text PRIMARY KEY, discount numeric(5,2), valid tstzrange, used int);
INSERT INTO coupon SELECT upper(left(md5(g::text), 10)), (g % 50), tstzrange('2026-01-01 00:00+00', '2026-12-31 00:00+00'), g % 100 FROM generate_series(1, 5000) g;
CREATE TABLE exchange_rate (at date, currency char(3), rate numeric, PRIMARY KEY (at, currency));
INSERT INTO exchange_rate SELECT date '2015-01-01' + g / 3, (ARRAY['USD', 'GBP', 'CHF'])[1 + g % 3], round(1 + (g % 1000) / 7777.0, 6) FROM generate_series(0, 11999) g;
ALTER TABLE product_price ADD PRIMARY KEY (product_id, valid_from);
ALTER TABLE inventory ADD PRIMARY KEY (warehouse_id, product_id);
COMMENT ON TABLE product IS 'What the shop sells';
COMMENT ON COLUMN product.price IS 'list price in EUR, VAT included';

\else
CREATE TABLE customer (id bigint PRIMARY KEY, email text NOT NULL, name text NOT NULL, country char(2), created timestamptz NOT NULL, newsletter boolean, birthday date);
INSERT INTO customer SELECT g, 'user' || g || '@example.com', initcap(left(md5(g::text), 8)) || ' ' || initcap(left(md5('l' || g), 10)), chr((65 + g % 10)::int) || 'A',
  timestamptz '2018-01-01 00:00+00' + g * interval '14 minutes', g % 3 = 0, CASE WHEN g % 4 > 0 THEN date '1945-01-01' + (g % 22000)::int END FROM generate_series(1::bigint, 300000) g;
CREATE TABLE address (id bigint PRIMARY KEY, customer_id bigint NOT NULL, kind text NOT NULL, street text, city text, postcode varchar(10), position point);
INSERT INTO address SELECT g, 1 + g % 300000, CASE WHEN g <= 300000 THEN 'billing' ELSE 'shipping' END, left(md5(g::text), 12) || ' street ' || g % 200, 'City ' || g % 900,
  lpad((g % 99999)::text, 5, '0'), NULL FROM generate_series(1::bigint, 350000) g;
CREATE TABLE orders (id bigint, customer_id bigint NOT NULL, status text NOT NULL, placed timestamptz NOT NULL, total numeric(12,2) NOT NULL, currency char(3) NOT NULL,
  store_id int, coupon text, note text);
INSERT INTO orders SELECT g, 1 + (g * 7919) % 300000, (ARRAY['new', 'paid', 'shipped', 'done', 'done', 'done', 'cancelled'])[1 + g % 7],
  timestamptz '2023-01-01 00:00+00' + g * interval '2 minutes', (g % 90000) / 100.0 + 5, (ARRAY['EUR', 'EUR', 'USD', 'GBP'])[1 + g % 4],
  CASE WHEN g % 3 = 0 THEN 1 + (g % 120)::int END, CASE WHEN g % 17 = 0 THEN upper(left(md5((g % 5000)::text), 10)) END, CASE WHEN g % 29 = 0 THEN 'please ring twice, ' || g END
  FROM generate_series(1::bigint, 600000) g;
CREATE TABLE order_item (order_id bigint, line smallint, product_id int NOT NULL, quantity int NOT NULL, price numeric(10,2) NOT NULL, discount numeric(4,2));
INSERT INTO order_item SELECT g / 3 + 1, (1 + g % 3)::smallint, 1 + ((g * 104729) % 60000)::int, 1 + (g % 4)::int, (g % 50000) / 100.0 + 0.99, CASE WHEN g % 10 = 0 THEN 5 END
  FROM generate_series(0::bigint, 1799999) g;
CREATE TABLE payment (id uuid, order_id bigint NOT NULL, method text NOT NULL, amount numeric(12,2) NOT NULL, paid timestamptz, details jsonb);
INSERT INTO payment SELECT md5('p' || g)::uuid, g, (ARRAY['card', 'invoice', 'paypal'])[1 + g % 3], (g % 90000) / 100.0 + 5, timestamptz '2023-01-01 00:05+00' + g * interval '2 minutes',
  CASE WHEN g % 3 = 0 THEN '{"last4": "4242"}'::jsonb END FROM generate_series(1::bigint, 500000) g;
CREATE TABLE shipment (id bigint, order_id bigint NOT NULL, warehouse_id smallint, sent timestamptz, arrived timestamptz, transit interval, weight_kg numeric(8,3));
INSERT INTO shipment SELECT g, g, 1 + (g % 20)::int, timestamptz '2023-01-02 00:00+00' + g * interval '2 minutes', CASE WHEN g % 6 > 0 THEN timestamptz '2023-01-04 00:00+00' + g * interval '2 minutes' END,
  (g % 72) * interval '1 hour', (g % 30000) / 1000.0 FROM generate_series(1::bigint, 400000) g;
CREATE TABLE return_item (order_id bigint, line smallint, reason text, refunded numeric(10,2), PRIMARY KEY (order_id, line));
INSERT INTO return_item SELECT g * 11, 1, (ARRAY['too small', 'broken', 'changed my mind'])[1 + g % 3], (g % 5000) / 100.0 FROM generate_series(1::bigint, 50000) g;
CREATE TABLE page_view (id bigint NOT NULL, at timestamptz NOT NULL, session uuid NOT NULL, url text NOT NULL, agent text, ip inet, ms int) PARTITION BY RANGE (at);
CREATE TABLE page_view_2026_01 PARTITION OF page_view FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00');
CREATE TABLE page_view_2026_02 PARTITION OF page_view FOR VALUES FROM ('2026-02-01 00:00+00') TO ('2026-03-01 00:00+00');
CREATE TABLE page_view_rest PARTITION OF page_view DEFAULT;
INSERT INTO page_view SELECT g, timestamptz '2026-01-01 00:00+00' + g * interval '10 seconds', md5((g / 7)::text)::uuid, '/product/' || g % 60000, 'Browser/' || g % 12,
  ('192.168.' || g % 256 || '.' || g / 256 % 256)::inet, (g % 900)::int FROM generate_series(1::bigint, 700000) g;
CREATE TABLE support_ticket (id bigint PRIMARY KEY, customer_id bigint, opened timestamptz, closed timestamptz, subject text, messages jsonb, labels text[]);
INSERT INTO support_ticket SELECT g, 1 + g % 300000, timestamptz '2024-01-01 00:00+00' + g * interval '20 minutes', NULL, 'Ticket ' || g,
  jsonb_build_array(jsonb_build_object('from', 'customer', 'text', repeat('My parcel did not arrive. ', (1 + g % 5)::int))), ARRAY['l' || g % 5] FROM generate_series(1::bigint, 60000) g;
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE order_item ADD PRIMARY KEY (order_id, line);
ALTER TABLE payment ADD PRIMARY KEY (id);
ALTER TABLE shipment ADD PRIMARY KEY (id);
ALTER TABLE page_view ADD PRIMARY KEY (id, at);
\endif
