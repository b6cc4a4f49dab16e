-- Customers at work for some seconds: CALL shop.traffic(30, 1) with shop in the search path. Each session has numbers of its own.
SET client_min_messages = warning;
SET search_path = shop;
CREATE PROCEDURE traffic(seconds int, session int) LANGUAGE plpgsql AS $$
DECLARE
  until timestamptz := clock_timestamp() + seconds * interval '1 second';
  next_id bigint := 10000000 * session;
BEGIN
  WHILE clock_timestamp() < until LOOP
    next_id := next_id + 1;
    INSERT INTO orders (id, customer_id, status, placed, total, currency) VALUES (next_id, next_id % 300000, 'new', clock_timestamp(), 10, 'EUR');
    INSERT INTO order_item SELECT next_id, line, 1 + (next_id * line) % 60000, line, 9.99, NULL FROM generate_series(1, 3) line;
    UPDATE orders SET status = 'shipped', total = total + 1 WHERE id BETWEEN next_id % 200000 + session * 200000 AND next_id % 200000 + session * 200000 + 4;
    UPDATE inventory SET quantity = quantity - 1, counted_at = clock_timestamp() WHERE product_id = 1 + next_id % 60000 AND warehouse_id = session;
    IF next_id % 10 = 0 THEN
      DELETE FROM order_item WHERE order_id = next_id - 7;
      DELETE FROM orders WHERE id = next_id - 7;
      UPDATE customer SET email = 'moved' || next_id || '@example.com' WHERE id = next_id % 300000;
    END IF;
    COMMIT;
    PERFORM pg_sleep(0.002);
  END LOOP;
END $$;
