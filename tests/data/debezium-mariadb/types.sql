CREATE TABLE alltypes (id int PRIMARY KEY, ti tinyint, tiu tinyint unsigned, bo boolean, si smallint, siu smallint unsigned, mi mediumint, miu mediumint unsigned,
 iu int unsigned, bi bigint, biu bigint unsigned, de decimal(20,4), de0 decimal(18,0), deu decimal(38,10) unsigned, f float, d double,
 bit1 bit(1), bit10 bit(10), bit64 bit(64), y year, da date, t0 time, t3 time(3), t6 time(6), dt0 datetime, dt3 datetime(3), dt6 datetime(6), ts0 timestamp NULL, ts6 timestamp(6) NULL,
 ch char(5), vc varchar(50), tx text, bin binary(4), vb varbinary(20), bl blob, js json, en enum('a','b','ü'), se set('x','y','z'), g geometry, p point)
