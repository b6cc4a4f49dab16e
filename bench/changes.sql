-- What bench/follow follows: a table of :rows rows, and a workload of 70 % updates of random keys, 20 % inserts, 10 % deletes.
-- Deterministic. `changes_first` keeps the first state, so that each run begins with it.
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SET client_min_messages = warning;

CREATE TABLE changes_first AS
SELECT g AS id, (hashint8(g) & 2147483647) % 200000 AS customer,
       (ARRAY['new', 'paid', 'packed', 'shipped', 'closed'])[1 + (hashint8(g + 7) & 2147483647) % 5]::varchar(10) AS status,
       (((hashint8(g + 13) & 2147483647) % 1000000) / 100.0)::numeric(12, 2) AS amount,
       CASE WHEN g % 10 > 2 THEN left('order note ' || md5(g::text) || ' ' || md5((g + 1)::text), 20 + (g % 57)::int) END::varchar(100) AS note,
       timestamptz '2024-01-01 00:00:00+00' + g * interval '5 seconds 123 microseconds' AS updated_at
FROM generate_series(1::bigint, :rows) g;

-- Transactions of 100 changes, so many of them a second (NULL: as fast as it goes). CALL it outside of a transaction.
CREATE PROCEDURE changes_run(transactions int, per_second float DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
  first bigint := (SELECT max(id) FROM changes_first);
  last bigint := first;
  deleted bigint := 0;
  picked bigint;
  number bigint := 0;
  stamp timestamptz := '2026-01-01 00:00:00+00';
  began timestamptz := clock_timestamp();
BEGIN
  PERFORM setseed(0.5);
  FOR t IN 1..transactions LOOP
    FOR i IN 1..100 LOOP
      number := number + 1;
      stamp := stamp + interval '37 microseconds';
      IF i % 5 = 0 THEN
        last := last + 1;
        INSERT INTO changes VALUES (last, (number * 7919) % 200000, 'new', (number % 100000) / 100.0, 'inserted ' || number, stamp);
      ELSIF i % 10 = 1 THEN
        LOOP -- a walk over the first keys that meets each one once
          deleted := deleted + 1;
          DELETE FROM changes WHERE id = 1 + (deleted * 1234577) % first;
          EXIT WHEN FOUND;
        END LOOP;
      ELSE
        LOOP
          picked := 1 + floor(random() * last)::bigint; -- by itself: a volatile condition is one for every row
          UPDATE changes SET status = (ARRAY['paid', 'packed', 'shipped', 'closed'])[1 + number % 4], amount = amount + 1.25,
                 updated_at = stamp, note = CASE WHEN number % 3 = 0 THEN 'changed ' || number ELSE note END
          WHERE id = picked;
          EXIT WHEN FOUND;
        END LOOP;
      END IF;
    END LOOP;
    COMMIT;
    IF per_second IS NOT NULL THEN
      PERFORM pg_sleep(t / per_second - extract(epoch FROM clock_timestamp() - began));
    END IF;
  END LOOP;
END $$;

-- The first state again.
CREATE PROCEDURE changes_reset() LANGUAGE plpgsql AS $$
BEGIN
  DROP TABLE IF EXISTS changes;
  CREATE TABLE changes (id bigint, customer int NOT NULL, status varchar(10) NOT NULL, amount numeric(12, 2) NOT NULL,
                        note varchar(100), updated_at timestamptz NOT NULL);
  INSERT INTO changes SELECT * FROM changes_first ORDER BY id;
  ALTER TABLE changes ADD PRIMARY KEY (id);
  COMMIT;
END $$;
VACUUM (FREEZE, ANALYZE) changes_first;
