"""A random workload with changes of shape in it, and firn killed at random moments beside another writer of the same tables."""
import os
import random
import signal
import time

import pytest

from test_follow import assert_all_equal, follow, followed  # noqa: F401 (a fixture)
from workload import NAMES, TABLES, Workload


# The numbers are seeds that once failed, or stand for the kind.
@pytest.mark.parametrize("version, seed", [(2, 1), (3, 2), (3, None)])
def test_shapes_and_kills(project, followed, duck, version, seed):  # noqa: F811
    if seed is None:
        seed = int(os.environ.get("FIRN_TEST_SEED", 3))  # FIRN_TEST_SEED=$RANDOM to look for more
    print(f"FIRN_TEST_SEED={seed}")
    c = followed(TABLES, tables={name: {"format_version": version} for name in NAMES}, follow_more={"maintain_interval": "300ms"})
    work, r = Workload(c, seed), random.Random(seed)
    rounds = int(os.environ.get("FIRN_TEST_ROUNDS", "4"))
    for _ in range(rounds):
        process = project.start("follow", "--source", "n", "--load", stderr=open(project.folder / "err", "w", encoding="utf-8"))
        end = time.monotonic() + r.uniform(1, 5)
        while time.monotonic() < end:
            what = r.random()
            if what < 0.1:
                work.transaction_with_shape()
            elif what < 0.12:
                work.make_anew()
            else:
                work.transaction()
            assert process.poll() is None, (project.folder / "err").read_text(encoding="utf-8")[-3000:]
            time.sleep(r.uniform(0, 0.03))
        if r.random() < 0.7:
            process.kill()
            process.wait()
        else:
            process.send_signal(signal.SIGINT)
            code, err = process.wait(timeout=240), (project.folder / "err").read_text(encoding="utf-8")
            # A table that was made anew just now, or whose load met locks again and again, is said to be left; the next run loads it.
            assert code == 0 or (code == 1 and "FIRN-5031" in err), err[-3000:]
    # A change of shape is seen with the first row behind it (docs/SCHEMA_CHANGES.md).
    c.execute("INSERT INTO keyed (id, amount) VALUES (-2000000, 1); INSERT INTO pair (a, b) VALUES (-2000000, 'last'); INSERT INTO plain DEFAULT VALUES")
    follow(project, "--load")
    assert_all_equal(project, duck)
    work.run(10)
    follow(project)
    assert_all_equal(project, duck)
