"""--memory holds, whatever the rows are like: the peak of the process, as the kernel counts it, against the ceiling."""
import resource
import subprocess
import sys

from firn import BINARY

MIB = 1 << 20
# Program, libraries, stacks and connections; grows with the number of connections.
OVERHEAD_MIB, OVERHEAD_PER_CONNECTION_MIB = 48, 1
CONNECTIONS = 16


# The kernel counts to a process what it had before exec, too: pytest's own memory, were it not for a small process between.
LAUNCHER = "import os, sys; pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]); " \
           "_, status, usage = os.wait4(pid, 0); print(usage.ru_maxrss); sys.exit(os.waitstatus_to_exitcode(status))"


def load_peak_mib(project, memory_mib, **keywords):
    """Runs a load and returns the most memory that it had at once."""
    done = subprocess.run([sys.executable, "-S", "-c", LAUNCHER, BINARY, "load", "--source", "n", "--memory", f"{memory_mib}M"],
                          cwd=project.folder, env=project.full_environment(None), text=True, capture_output=True, check=False, **keywords)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout) / 1024


def rows(project, table):
    return project.lake.static_table("bronze.n", table).scan().count()


def assert_within(peak_mib, memory_mib):
    limit = memory_mib + OVERHEAD_MIB + CONNECTIONS * OVERHEAD_PER_CONNECTION_MIB
    print(f"peak {peak_mib:.0f} MiB of {limit} MiB")
    assert peak_mib <= limit, f"{peak_mib:.0f} MiB, where {limit} were allowed"


def wide_source(project, new_database, row_count):
    """A table of 1,600 columns, as many as there can be."""
    columns = ", ".join(f"c{i} {'text' if i % 4 == 0 else 'int'}" for i in range(1600))
    # A row must fit a page.
    values = ", ".join("NULL" if i % 4 == 0 and i > 40 else "md5(g::text)" if i % 4 == 0 else f"g + {i}" for i in range(1600))
    name, _ = new_database(f"CREATE TABLE wide ({columns}); INSERT INTO wide SELECT {values} FROM generate_series(1, {row_count}) g; ANALYZE")
    project.source("n", name, "public",
                   bulk_load={"parallel_tables": CONNECTIONS, "parallel_workers": 1, "large_table_threshold": 1})


def test_1600_columns(project, new_database):
    wide_source(project, new_database, 1600)

    peak = load_peak_mib(project, 128)

    assert rows(project, "wide") == 1600
    assert_within(peak, 128)


def test_values_of_50_mb(project, new_database):
    """One in a page, so that several connections have one in their hands at the same time."""
    name, _ = new_database("CREATE TABLE large (pad text, v text);"
                           "ALTER TABLE large ALTER pad SET STORAGE PLAIN, ALTER v SET STORAGE EXTERNAL;"
                           f"INSERT INTO large SELECT repeat('x', 5000), repeat(md5(g::text), {50 * MIB // 32}) FROM generate_series(1, 5) g; ANALYZE")
    project.source("n", name, "public",
                   bulk_load={"parallel_tables": CONNECTIONS, "parallel_workers": 1, "large_table_threshold": 1})

    peak = load_peak_mib(project, 256)

    assert rows(project, "large") == 5
    assert_within(peak, 256)


def test_under_a_limit_of_the_address_space(project, new_database):
    """Where the kernel refuses what is too much, a load ends well all the same."""
    wide_source(project, new_database, 400)
    limit = 1024 * MIB

    load_peak_mib(project, 128, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))

    assert rows(project, "wide") == 400
