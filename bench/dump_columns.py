#!/usr/bin/env python3
"""Dump a PostgreSQL table as raw Arrow buffers for bench_parquet_writer.

dump_columns.py CONNINFO TABLE FOLDER

FOLDER gets `schema.txt` (first the row count, then a line per column: kind, precision, scale, required,
name) and per column `N.valid`, `N.offsets`, `N.values`, whichever its type has.
"""
import array
import os
import sys

import psycopg
import pyarrow
import pyarrow.csv

KINDS = {'int4': 'int', 'int2': 'int', 'int8': 'long', 'date': 'date', 'timestamp': 'timestamp',
         'timestamptz': 'timestamptz', 'numeric': 'decimal', 'float8': 'double', 'float4': 'float', 'bool': 'boolean'}
ARROW = {'int': pyarrow.int32(), 'long': pyarrow.int64(), 'date': pyarrow.date32(),
         'timestamp': pyarrow.timestamp('us'), 'timestamptz': pyarrow.timestamp('us', 'UTC'), 'string': pyarrow.string(),
         'double': pyarrow.float64(), 'float': pyarrow.float32(), 'boolean': pyarrow.bool_()}


def columns_of(connection, table):
    rows = connection.execute(
        'SELECT attname, typname, atttypmod, attnotnull FROM pg_attribute JOIN pg_type t ON t.oid = atttypid'
        ' WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum', (table,)).fetchall()
    for name, type_name, modifier, required in rows:
        kind = KINDS.get(type_name, 'string')
        precision, scale = ((modifier - 4) >> 16, (modifier - 4) & 0xffff) if kind == 'decimal' else (0, 0)
        yield name, kind, precision, scale, required


def write(folder, index, suffix, array):
    with open(os.path.join(folder, f'{index}.{suffix}'), 'wb') as file:
        file.write(memoryview(array).cast('B'))


def dump(folder, index, kind, precision, column):
    column = pyarrow.concat_arrays(column.chunks)
    if column.null_count:
        write(folder, index, 'valid', column.buffers()[0])
    if kind == 'string':
        write(folder, index, 'offsets', column.buffers()[1])
        write(folder, index, 'values', column.buffers()[2])
        return
    values = column.buffers()[1]
    if kind == 'decimal' and precision <= 18:
        values = array.array('i' if precision <= 9 else 'q', memoryview(values).cast('q')[:2 * len(column):2].tolist())
    write(folder, index, 'values', values)


def main():
    conninfo, table, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET timezone = 'UTC'")
        columns = list(columns_of(connection, table))
        text = os.path.join(folder, 'rows.csv')
        with connection.cursor().copy(f'COPY {table} TO STDOUT (FORMAT csv, NULL \'\\N\')') as copy:
            with open(text, 'wb') as file:
                for block in copy:
                    file.write(block)
    types = {name: pyarrow.decimal128(precision, scale) if kind == 'decimal' else ARROW[kind]
             for name, kind, precision, scale, _ in columns}
    rows = pyarrow.csv.read_csv(
        text, pyarrow.csv.ReadOptions(column_names=[c[0] for c in columns]),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(column_types=types, null_values=['\\N'], strings_can_be_null=True,
                                   quoted_strings_can_be_null=False))
    os.remove(text)
    with open(os.path.join(folder, 'schema.txt'), 'w') as file:
        print(rows.num_rows, file=file)
        for index, (name, kind, precision, scale, required) in enumerate(columns):
            print(kind, precision, scale, int(required), name, file=file)
            dump(folder, index, kind, precision, rows.column(index))


if __name__ == '__main__':
    main()
