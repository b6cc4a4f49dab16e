-- Data of the benchmarks, the same rows every time: psql -v ON_ERROR_STOP=1 -f bench/data.sql
-- lineitem (6 M x 16, as TPC-H has it), s_contact (500 k x 60, as a CRM has it), 200 small tables.
-- One session, serial plans only, so that setseed() fixes every random() call.
SET max_parallel_workers_per_gather = 0;
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '1GB';
SET client_min_messages = warning;

-- ---------------------------------------------------------------- (a) lineitem
DROP TABLE IF EXISTS lineitem;
CREATE TABLE lineitem (
  l_orderkey      bigint        NOT NULL,
  l_partkey       integer       NOT NULL,
  l_suppkey       integer       NOT NULL,
  l_linenumber    integer       NOT NULL,
  l_quantity      numeric(15,2) NOT NULL,
  l_extendedprice numeric(15,2) NOT NULL,
  l_discount      numeric(15,2) NOT NULL,
  l_tax           numeric(15,2) NOT NULL,
  l_returnflag    char(1)       NOT NULL,
  l_linestatus    char(1)       NOT NULL,
  l_shipdate      date          NOT NULL,
  l_commitdate    date          NOT NULL,
  l_receiptdate   date          NOT NULL,
  l_shipinstruct  char(25)      NOT NULL,
  l_shipmode      char(10)      NOT NULL,
  l_comment       varchar(44)   NOT NULL
);
SELECT setseed(0.42);
WITH w AS MATERIALIZED (
  SELECT ARRAY['carefully','quickly','furiously','slyly','blithely','ironic','final','bold','regular','special',
               'express','pending','silent','even','unusual','deposits','requests','packages','accounts','instructions',
               'theodolites','foxes','ideas','pinto','beans','platelets','dependencies','excuses','asymptotes','courts',
               'dolphins','multipliers','sauternes','warthogs','frets','dinos','attainments','somas','sheaves','patterns',
               'sleep','haggle','nag','wake','cajole','boost','detect','integrate','along','above','the','according','to','after'] AS a
), o AS (          -- 1..7 lines an order
  SELECT g AS ok, 1 + (hashint8(g) & 2147483647) % 7 AS n FROM generate_series(1, 1520000) g
), l AS (
  SELECT ok, ln,
         (1 + random()*199999)::int AS pk, (1 + random()*9999)::int AS sk,
         (1 + floor(random()*50))::int AS q, floor(random()*11)::int AS disc, floor(random()*9)::int AS tax,
         DATE '1992-01-02' + floor(random()*2525)::int AS sd,
         floor(random()*121)::int AS cd, 1+floor(random()*30)::int AS rd,
         floor(random()*4)::int AS si, floor(random()*7)::int AS sm, floor(random()*2)::int AS rf,
         (random()*53)::int AS w1,(random()*53)::int AS w2,(random()*53)::int AS w3,
         (random()*53)::int AS w4,(random()*53)::int AS w5,(random()*53)::int AS w6,
         10 + floor(random()*34)::int AS clen
  FROM o, generate_series(1, n) ln
  LIMIT 6000000
)
INSERT INTO lineitem
SELECT ok, pk, sk, ln, q, (q * (900 + (pk % 1000)*100.01/100 + (pk % 200001)/10.0))::numeric(15,2),
       disc/100.0, tax/100.0,
       CASE WHEN sd + rd <= DATE '1995-06-17' THEN (ARRAY['R','A'])[rf+1] ELSE 'N' END,
       CASE WHEN sd > DATE '1995-06-17' THEN 'O' ELSE 'F' END,
       sd, sd - 60 + cd, sd + rd,
       (ARRAY['DELIVER IN PERSON','COLLECT COD','NONE','TAKE BACK RETURN'])[si+1],
       (ARRAY['REG AIR','AIR','RAIL','SHIP','TRUCK','MAIL','FOB'])[sm+1],
       rtrim(left(a[w1+1]||' '||a[w2+1]||' '||a[w3+1]||' '||a[w4+1]||' '||a[w5+1]||' '||a[w6+1], clen))
FROM l, w;
ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);

-- --------------------------------------------------------------- (b) s_contact
DROP TABLE IF EXISTS s_contact;
CREATE TABLE s_contact (
  row_id varchar(15) NOT NULL, created timestamp NOT NULL, created_by varchar(15) NOT NULL,
  last_upd timestamptz NOT NULL, last_upd_by varchar(15) NOT NULL, modification_num numeric(10,0) NOT NULL,
  conflict_id varchar(15) NOT NULL, par_row_id varchar(15), bu_id varchar(15), fst_name varchar(50),
  last_name varchar(50), mid_name varchar(50), email_addr varchar(100), work_ph_num varchar(40), cell_ph_num varchar(40),
  home_ph_num varchar(40), fax_ph_num varchar(40), job_title varchar(75), birth_dt timestamp, active_flg char(1),
  priv_flg char(1), sex_mf varchar(30), marital_stat_cd varchar(30), login varchar(50), pr_dept_ou_id varchar(15),
  pr_per_addr_id varchar(15), pr_postn_id varchar(15), owner_postn_id varchar(15), cust_stat_cd varchar(30), pref_lang_id varchar(15),
  pref_comm_media_cd varchar(30), nationality varchar(30), ssn varchar(15), src_id varchar(15), asgn_dt timestamp,
  call_dt timestamp, start_dt timestamp, end_dt timestamp, death_dt timestamp, dcking_dt timestamp,
  ann_incm_amt numeric(22,7), assets_val numeric(22,7), credit_score numeric(22,7), dcking_num numeric(22,7), net_worth numeric(22,7),
  height_num numeric(22,7), weight_num numeric(22,7), age_num numeric(22,7), x_attrib_01 varchar(100), x_attrib_02 varchar(100),
  x_attrib_03 varchar(100), x_attrib_04 varchar(50), x_attrib_05 varchar(50), x_attrib_06 varchar(50), x_attrib_07 varchar(50),
  x_num_01 numeric(22,7), x_num_02 numeric(22,7), x_dt_01 timestamp, integration_id varchar(30), comments text
);
SELECT setseed(0.43);
WITH l AS (
  SELECT g, md5(g::text) AS h, md5('b'||g) AS h2, random() r1, random() r2, random() r3, random() r4, random() r5,
         random() r6, random() r7, random() r8, random() r9, random() ra, random() rb, random() rc, random() rd, random() re,
         TIMESTAMP '2005-01-01' + (g * interval '17 minutes') AS ts
  FROM generate_series(1, 500000) g
)
INSERT INTO s_contact
SELECT '1-' || upper(to_hex(1000000 + g)), ts, '0-' || (g % 97), (ts + (r1*3000) * interval '1 day') AT TIME ZONE 'UTC', '1-' || upper(to_hex((r2*500)::int)),
  (r3*12)::int, '0', '1-' || upper(to_hex(1000000 + g)), '0-R9NH',
  (ARRAY['Anna','Boris','Chen','Dmitri','Elena','Farid','Gulnara','Hiro','Ivan','Julia','Kenji','Lena','Marco','Nadia','Oleg','Petra','Sergey','Tatiana','Umar','Vera'])[1+(r4*19)::int],
  initcap(left(h, 4 + (r5*9)::int)),
  CASE WHEN r6 < 0.4 THEN initcap(left(h2, 8)) END,
  CASE WHEN r7 < 0.6 THEN left(h, 10) || '@example' || (g % 50) || '.com' END,
  CASE WHEN r8 < 0.5 THEN '+7' || (9000000000 + (r9*999999999)::bigint) END,
  CASE WHEN r9 < 0.7 THEN '+7' || (9000000000 + (r8*999999999)::bigint) END,
  CASE WHEN ra < 0.1 THEN '+7' || (4950000000 + (rb*9999999)::bigint) END,
  CASE WHEN rb < 0.05 THEN '+7' || (4990000000 + (ra*9999999)::bigint) END,
  CASE WHEN rc < 0.3 THEN (ARRAY['Manager','Engineer','Director','Accountant','Driver','Analyst'])[1+(rd*5)::int] END,
  CASE WHEN rd < 0.8 THEN date_trunc('day', TIMESTAMP '1940-01-01' + (re*24000) * interval '1 day') END,
  CASE WHEN re < 0.95 THEN 'Y' ELSE 'N' END, 'N', CASE WHEN r1 < 0.9 THEN (ARRAY['M','F'])[1+(r1*1.05)::int] END,
  CASE WHEN r2 < 0.3 THEN (ARRAY['Married','Single','Divorced'])[1+(r2*6)::int] END,
  CASE WHEN r3 < 0.2 THEN 'U' || left(h2, 9) END, CASE WHEN r4 < 0.5 THEN '1-' || upper(to_hex((r4*100000)::int)) END,
  CASE WHEN r5 < 0.6 THEN '1-' || upper(to_hex(5000000+g)) END, CASE WHEN r6 < 0.5 THEN '0-5220' END, CASE WHEN r7 < 0.1 THEN '1-' || upper(to_hex((r7*10000)::int)) END,
  CASE WHEN r8 < 0.9 THEN (ARRAY['Active','Inactive','Prospect','Closed'])[1+(r8*3)::int] END, CASE WHEN r9 < 0.3 THEN 'RUS' END,
  CASE WHEN ra < 0.2 THEN (ARRAY['Email','Phone','SMS','Post'])[1+(rb*3)::int] END, CASE WHEN rb < 0.2 THEN 'RU' END, CASE WHEN rc < 0.15 THEN (10000000000 + (rc*9e9)::bigint)::text END,
  CASE WHEN rd < 0.05 THEN '1-' || upper(to_hex((rd*1e6)::int)) END, CASE WHEN re < 0.1 THEN ts + interval '3 days' END,
  CASE WHEN r1 < 0.05 THEN ts + interval '5 days 1.234567 seconds' END, CASE WHEN r2 < 0.1 THEN ts END, CASE WHEN r3 < 0.02 THEN ts + interval '900 days' END,
  CASE WHEN r4 < 0.01 THEN ts + interval '4000 days' END, CASE WHEN r5 < 0.03 THEN ts END,
  CASE WHEN r6 < 0.2 THEN round((r7*1e7)::numeric, 7) END, CASE WHEN r7 < 0.1 THEN round((r8*1e8)::numeric, 2) END, CASE WHEN r8 < 0.2 THEN (300 + (r9*550)::int)::numeric END,
  CASE WHEN r9 < 0.02 THEN round((ra*1000)::numeric, 3) END, CASE WHEN ra < 0.05 THEN round((rb*1e9)::numeric, 2) END, CASE WHEN rb < 0.03 THEN round((150+rc*50)::numeric, 1) END,
  CASE WHEN rc < 0.03 THEN round((45+rd*80)::numeric, 1) END, CASE WHEN rd < 0.4 THEN (18 + (re*70)::int)::numeric END,
  CASE WHEN re < 0.2 THEN 'attr ' || left(h, 20) END, CASE WHEN r1 < 0.1 THEN h2 END, CASE WHEN r2 < 0.05 THEN h || h2 END,
  CASE WHEN r3 < 0.3 THEN 'SEG-' || (g % 12) END, CASE WHEN r4 < 0.05 THEN 'Q' || (g % 4) END, NULL, CASE WHEN r5 < 0.01 THEN 'x' || g END,
  CASE WHEN r6 < 0.1 THEN round((r1*1e4)::numeric, 7) END, NULL, CASE WHEN r7 < 0.02 THEN ts END, CASE WHEN r8 < 0.5 THEN 'INT-' || upper(left(h, 16)) END,
  CASE WHEN g % 10 = 3 THEN left(repeat(h || ' contacted the customer about ' || h2 || '; ', 20), 20 + (rc*1480)::int) END
FROM l;
ALTER TABLE s_contact ADD PRIMARY KEY (row_id);
CREATE INDEX s_contact_last_upd ON s_contact (last_upd);

-- ---------------------------------------------------- (c) 200 small tables
DO $$
BEGIN
  FOR i IN 0..199 LOOP
    EXECUTE format('DROP TABLE IF EXISTS small_%s', lpad(i::text, 3, '0'));
    EXECUTE format('CREATE TABLE small_%s (id integer PRIMARY KEY, code varchar(30) NOT NULL, name varchar(100), val numeric(18,4), upd timestamptz, flag boolean)', lpad(i::text, 3, '0'));
    EXECUTE format('INSERT INTO small_%s SELECT g, %L || g, CASE WHEN g %% 3 > 0 THEN md5(g::text) END, g * 1.25, timestamptz ''2024-01-01 00:00:00+00'' + g * interval ''1 hour'', g %% 2 = 0 FROM generate_series(1, %s) g',
                   lpad(i::text, 3, '0'), 'C' || i || '-', (i * 7919) % 1001);
  END LOOP;
END $$;

VACUUM (ANALYZE, FREEZE) lineitem;
VACUUM (ANALYZE, FREEZE) s_contact;
ANALYZE;
CHECKPOINT;
