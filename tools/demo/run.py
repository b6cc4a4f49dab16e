"""The demo itself: a server, a shop, a load, a look at the tables, and changes that are followed. Started by ./demo."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import duckdb
import duckdb_ext

from servers.postgres import PostgresServer
from servers.process import exit_on_signals

FOLDER = ROOT / ".cache" / "demo"
NAMESPACE = "bronze.shop"
TRAFFIC_SECONDS = 30
BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
CONFIGURATION = """\
sources:
  shop:
    database_type: postgres
    iceberg_namespace: {namespace}
    database_connection:
      host: {server.host}
      port: {server.port}
      database: postgres
      username: firn
      password: ${{SHOP_PASSWORD}}
      schema: shop
    follow: {{ from: postgres, commit_interval: 2s }}
    tables:
      orders: {{ partition_by: ["year(placed)"], sort_by: [id] }}
"""
QUERY = """
SELECT c.name AS category, count(*) AS items, sum(i.quantity * i.price) AS revenue
FROM {order_item} i JOIN {product} p ON p.id = i.product_id JOIN {category} c ON c.id = p.category_id
GROUP BY ALL ORDER BY revenue DESC LIMIT 5
"""


def step(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def generate(server):
    """Two sessions side by side."""
    server.sql("CREATE SCHEMA shop; CREATE ROLE firn LOGIN REPLICATION PASSWORD 'demo-password'; GRANT pg_read_all_data TO firn")
    psql = os.path.join(server.bin, "psql")
    parts = [subprocess.Popen([psql, "-qXAt", "-v", f"part={part}", "-f", str(ROOT / "tools" / "demo" / "shop.sql")],
                              env=server.environment(), stdout=subprocess.DEVNULL) for part in (1, 2)]
    if any([part.wait() for part in parts]):
        sys.exit("demo: the shop could not be generated")
    server.sql("ANALYZE")
    server.sql_file(str(ROOT / "tools" / "demo" / "traffic.sql"))
    server.sql("CREATE PUBLICATION firn_shop FOR ALL TABLES WITH (publish_via_partition_root = true)")


def firn_environment():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRN_")}
    return {**environment, "SHOP_PASSWORD": "demo-password"}


def firn(*arguments, **keywords):
    """A command of firn, shown as a user would type it."""
    print(f"{BOLD}$ firn {' '.join(arguments)}{PLAIN}", flush=True)
    return subprocess.run([str(ROOT / "build" / "firn"), *arguments], cwd=FOLDER, env=firn_environment(), check=False, **keywords)


def load(server):
    """As a user would do it: a project folder, a sources.yaml, one command."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "config").mkdir(parents=True)
    (FOLDER / "config" / "sources.yaml").write_text(CONFIGURATION.format(server=server, namespace=NAMESPACE), encoding="utf-8")
    print((FOLDER / "config" / "sources.yaml").read_text(encoding="utf-8"))
    started = time.monotonic()
    code = firn("load", "--source", "shop").returncode
    if code:
        sys.exit(f"demo: firn load ended with {code}")
    return time.monotonic() - started


def table_folders():
    folder = FOLDER.joinpath("warehouse", *NAMESPACE.split("."))
    return sorted(path for path in folder.iterdir() if not path.name.startswith("_"))


def newest_metadata(folder):
    return max((folder / "metadata").glob("v*.metadata.json"), key=lambda path: int(path.name[1:].split(".")[0]))


def size_of(folder):
    return sum(path.stat().st_size for path in (folder / "data").rglob("*.parquet"))


def connect_duckdb():
    extensions = os.path.join(list(duckdb_ext.__path__)[0], "extensions")
    connection = duckdb.connect(config={"extension_directory": extensions, "autoinstall_known_extensions": False})
    connection.execute("LOAD avro; LOAD iceberg")
    return connection


def show(server):
    """Every table through DuckDB, beside what PostgreSQL counts."""
    connection = connect_duckdb()
    print(f"{'table':<18}{'rows in DuckDB':>15}{'in PostgreSQL':>15}{'columns':>9}{'heap MB':>9}{'lake MB':>9}")
    scans, total = {}, [0, 0.0, 0.0]
    for folder in table_folders():
        name = folder.name
        scans[name] = f"iceberg_scan('{newest_metadata(folder)}')"
        rows = connection.execute(f"SELECT count(*) FROM {scans[name]}").fetchone()[0]
        columns = len(connection.execute(f"DESCRIBE SELECT * FROM {scans[name]}").fetchall())
        count, heap = server.sql(f'SELECT (SELECT count(*) FROM shop."{name}"), '
                                 f"(SELECT sum(pg_table_size(relid)) FROM pg_partition_tree('shop.\"{name}\"'))").split("|")
        if not heap:
            heap = server.sql(f"SELECT pg_table_size('shop.\"{name}\"')")
        if rows != int(count):
            sys.exit(f"demo: {name} has {rows} rows in the lake and {count} in PostgreSQL")
        total = [total[0] + rows, total[1] + int(heap) / 1e6, total[2] + size_of(folder) / 1e6]
        print(f"{name:<18}{rows:>15,}{int(count):>15,}{columns:>9}{int(heap) / 1e6:>9.1f}{size_of(folder) / 1e6:>9.1f}")
    print(f"{'together':<18}{total[0]:>15,}{'':>24}{total[1]:>9.1f}{total[2]:>9.1f}")
    step("A question to the tables, by DuckDB")
    print(QUERY.format(order_item="order_item", product="product", category="category").strip() + "\n")
    started = time.monotonic()
    answer = connection.execute(QUERY.format(**scans))
    print("  ".join(f"{column[0]:<14}" for column in answer.description))
    for row in answer.fetchall():
        print("  ".join(f"{str(value):<14}" for value in row))
    print(f"({time.monotonic() - started:.2f} s)")


def tell_status(seconds):
    """One line: what is applied, at which rate, and how far behind."""
    status = subprocess.run([str(ROOT / "build" / "firn"), "status", "--source", "shop", "--format", "json"], cwd=FOLDER,
                            env=firn_environment(), capture_output=True, text=True, check=True)
    tables = [table for table in json.loads(status.stdout)["tables"] if table["follow_state"]]
    applied = sum(table["events_applied"] or 0 for table in tables)
    rate = sum(table["changes_per_second"] or 0 for table in tables)
    lag = max((table["lag_seconds"] or 0 for table in tables), default=0)
    print(f"{seconds:>5.0f} s  {applied:>9,} changes applied  {rate:>8,.0f}/s  lag {lag:.1f} s", flush=True)


def follow(server):
    """Two sessions change the shop for half a minute, and its shape in the middle; then everything is compared."""
    psql = os.path.join(server.bin, "psql")
    print(f"{BOLD}$ firn follow --source shop{PLAIN}   (its log: {(FOLDER / 'logs' / 'cdc_consumer.log').relative_to(ROOT)})", flush=True)
    with open(FOLDER / "follow.err", "w", encoding="utf-8") as messages:
        follower = subprocess.Popen([str(ROOT / "build" / "firn"), "follow", "--source", "shop"], cwd=FOLDER, env=firn_environment(),
                                    stderr=messages)
        started = time.monotonic()
        writers = [subprocess.Popen([psql, "-qXAt", "-c", f"CALL traffic({TRAFFIC_SECONDS}, {number})"], stdout=subprocess.DEVNULL,
                                    env={**server.environment(), "PGOPTIONS": "-c search_path=shop"}) for number in (1, 2)]
        changed = False
        while any(writer.poll() is None for writer in writers) and follower.poll() is None:
            time.sleep(3)
            tell_status(time.monotonic() - started)
            if not changed and time.monotonic() - started > TRAFFIC_SECONDS / 2:
                changed = True
                print(f"{BOLD}  ALTER TABLE orders ADD COLUMN priority text; UPDATE orders SET priority = 'high' WHERE id % 1000 = 0{PLAIN}", flush=True)
                server.sql("ALTER TABLE shop.orders ADD COLUMN priority text; UPDATE shop.orders SET priority = 'high' WHERE id % 1000 = 0")
        follower.send_signal(signal.SIGINT)
        code = follower.wait()
    print((FOLDER / "follow.err").read_text(encoding="utf-8").splitlines()[-1])
    if code or any(writer.returncode for writer in writers):
        sys.exit(f"demo: firn follow ended with {code}: {FOLDER / 'follow.err'}")
    step("Stopped by Ctrl-C; what came since is caught up with, and every value compared with the source")
    if firn("follow", "--source", "shop", "--until-caught-up", "--log-level", "warning").returncode:
        sys.exit("demo: firn follow failed")
    firn("schema-changes", "--source", "shop")
    if firn("validate", "--source", "shop", "--deep").returncode:
        sys.exit("demo: source and lake differ")


def tell_how():
    orders = newest_metadata(FOLDER.joinpath("warehouse", *NAMESPACE.split("."), "orders"))
    warehouse = f"file://{FOLDER / 'warehouse'}"
    step("The tables stay; other ways to read them")
    print(f"""DuckDB      SELECT status, count(*) FROM iceberg_scan('{orders}') GROUP BY ALL;

PyIceberg   from pyiceberg.table import StaticTable
            StaticTable.from_metadata('{orders}').scan(row_filter="status = 'paid'").to_arrow()

spark-sql   spark-sql --packages org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.10.0 \\
              --conf spark.sql.catalog.lake=org.apache.iceberg.spark.SparkCatalog \\
              --conf spark.sql.catalog.lake.type=hadoop --conf spark.sql.catalog.lake.warehouse={warehouse}
            SELECT status, count(*) FROM lake.{NAMESPACE}.orders GROUP BY status;
            SELECT * FROM lake.{NAMESPACE}._cdc_status;
""")


def main():
    exit_on_signals()
    step("A throw-away PostgreSQL with a generated shop")
    started = time.monotonic()
    with PostgresServer(shared_buffers="512MB") as server:
        generate(server)
        print(f"ready in {time.monotonic() - started:.0f} s")
        step("The configuration, and the load")
        seconds = load(server)
        step("The same rows, read from Iceberg")
        show(server)
        print(f"\nfirn load took {seconds:.1f} s")
        step(f"Changes are followed for {TRAFFIC_SECONDS} s while two sessions write")
        follow(server)
    tell_how()


if __name__ == "__main__":
    main()
