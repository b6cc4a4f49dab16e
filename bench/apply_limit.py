"""What applying a topic's messages costs at least, merge-on-read: by DuckDB, without an Iceberg commit.

    apply_limit.py VALUES.jsonl TABLE_FOLDER OUT_FOLDER [payload]

Parses, keeps the last change of each key, writes the rows, finds the positions of the changed keys in the table's files and writes them as position
deletes. `payload`: the messages have their schema, the event is that member. Prints wall and CPU seconds, after DuckDB's start.
"""
import json
import resource
import sys
import time

import duckdb

ROW = "STRUCT(id BIGINT, customer INTEGER, status VARCHAR, amount VARCHAR, note VARCHAR, updated_at VARCHAR)"
EVENT = {"before": ROW, "after": ROW, "op": "VARCHAR"}


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    values, table, out, payload = (sys.argv[1:] + [""])[:4]
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("LOAD icu; SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    columns = {"payload": f"STRUCT({', '.join(f'{name} {kind}' for name, kind in EVENT.items())})"} if payload else EVENT
    member = "payload." if payload else ""
    wall_s, cpu_s = time.monotonic(), cpu()
    for statement in (
            f"""CREATE TABLE events AS SELECT row_number() OVER () AS seq, coalesce({member}"after".id, {member}"before".id) AS id, {member}op AS op,
                unnest({member}"after") FROM read_ndjson('{values}', columns = {columns}, maximum_object_size = 1048576)""",
            "ALTER TABLE events RENAME COLUMN id_1 TO after_id",
            "CREATE TABLE keys AS SELECT id, max(seq) AS seq FROM events GROUP BY id",
            f"""COPY (SELECT e.id, customer, status, amount::DECIMAL(12, 2) AS amount, note, updated_at::TIMESTAMPTZ AS updated_at
                FROM events e JOIN keys k ON e.seq = k.seq WHERE op <> 'd') TO '{out}/data.parquet' (FORMAT parquet, COMPRESSION zstd)""",
            f"""COPY (SELECT t.filename AS file_path, t.file_row_number AS pos FROM read_parquet('{table}/data/*.parquet', filename = true, file_row_number = true) t
                SEMI JOIN keys k ON t.id = k.id ORDER BY 1, 2) TO '{out}/deletes.parquet' (FORMAT parquet, COMPRESSION zstd)"""):
        connection.execute(statement)
    print(json.dumps({"wall_s": time.monotonic() - wall_s, "cpu_s": cpu() - cpu_s}))


if __name__ == "__main__":
    main()
