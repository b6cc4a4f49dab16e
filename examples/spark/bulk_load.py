"""Bulk-loads a source of firn with the executors of a Spark cluster.

    spark-submit bulk_load.py --source shop --project-root /mnt/lake/shop [-- options of firn plan]

The driver plans and holds the snapshot, RDD.pipe gives each split to a `firn load-split` on some executor, the driver
commits what comes back: one Iceberg commit a table. Spark runs a split again when its executor is lost; the files of
the lost try never get into a table, so that no row is there twice. Nothing is in the lake before the commit.

Every machine needs the program `firn`, the same configuration, and the same warehouse and database within reach; see
docs/DISTRIBUTED.md. Exit codes are firn's: 0, or 1 where tables failed.
"""
import argparse
import contextlib
import json
import os
import shlex
import subprocess
import sys

# `firn load-split` ends with 1 when it has told of splits that fail wherever they run: a row that fits no type, say.
# Spark must not try those again; the commit reports them. Everything else is worth another executor.
WORKER = 'firn=$1; shift; "$firn" load-split "$@"; code=$?; [ "$code" -eq 1 ] && exit 0; exit "$code"'


class PlanFailed(Exception):
    def __init__(self, code):
        super().__init__(f"firn plan ended with {code}")
        self.code = code


@contextlib.contextmanager
def held_plan(command):
    """Runs `firn plan` and gives its lines; its snapshot is held until the block ends, or this process does."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if json.loads(line)["type"] == "plan_end":
                break
        else:
            raise PlanFailed(process.wait())
        yield lines
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


def load_splits(context, lines, arguments, worker_options, environment):
    """The lines of the results. One task a split unless --tasks says less: what is lost with an executor is little."""
    tasks = min(arguments.tasks or len(lines), len(lines))
    command = shlex.join(["/bin/sh", "-c", WORKER, "load-split", arguments.firn, *worker_options])
    return context.parallelize(lines, tasks).pipe(command, env=environment, checkCode=True).collect()


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", required=True, help="the source in sources.yaml")
    parser.add_argument("--project-root", default=os.getcwd(), help="the folder of config/, the same on every machine (default: here)")
    parser.add_argument("--firn", default="firn", help="the program, the same path on every machine (default: firn)")
    parser.add_argument("--tasks", type=int, default=0, help="Spark tasks (default: one for each split)")
    parser.add_argument("--master", help="the cluster, where spark-submit does not say it")
    parser.add_argument("--env", action="append", default=[], metavar="NAME",
                        help="an environment variable that executors shall have as the driver has it; repeatable")
    parser.add_argument("plan_options", nargs="*", metavar="-- PLAN_OPTION", help="options of firn plan, such as --table-filter")
    return parser.parse_args(arguments)


def main(arguments):
    from pyspark.sql import SparkSession

    arguments = parse(arguments)
    options = ["--source", arguments.source, "--project-root", arguments.project_root]
    # RDD.pipe starts the program without any environment but this one.
    environment = {name: os.environ[name] for name in ("PATH", *arguments.env) if name in os.environ}
    builder = SparkSession.builder.appName(f"firn load {arguments.source}")
    if arguments.master:
        builder = builder.master(arguments.master)
    with held_plan([arguments.firn, "plan", *options, *arguments.plan_options]) as lines:
        spark = builder.getOrCreate()
        results = load_splits(spark.sparkContext, lines, arguments, options, environment)
    return subprocess.run([arguments.firn, "commit", *options], input="".join(line + "\n" for line in results), text=True,
                          encoding="utf-8", check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PlanFailed as failure:
        sys.exit(failure.code)
