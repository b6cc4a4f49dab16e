"""A random workload with changes of shape in it, and firn killed at random moments beside another writer of the same tables."""
import os
import random
import signal
import subprocess
import time

import pytest

from test_follow import assert_all_equal, events_applied, follow, followed  # noqa: F401 (a fixture)
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


class SmallDisk:
    """A disk of its own at a folder, which can be full but for some bytes."""
    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder, self.ballast = folder, folder / ".ballast"
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(folder)], capture_output=True, check=False)
        if made.returncode:
            pytest.skip(f"cannot mount: {made.stderr.decode()}")

    def fill(self, left):
        with open(self.ballast, "ab", buffering=0) as file:
            while (free := os.statvfs(self.folder)).f_bavail * free.f_frsize > left:
                try:
                    file.write(bytes(min(free.f_bavail * free.f_frsize - left, 4 << 20)))
                except OSError:
                    pass  # firn was faster

    def empty(self):
        self.ballast.unlink(missing_ok=True)

    def done(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


@pytest.fixture
def small_disks(project):
    disks = []
    try:
        for folder in (project.warehouse, project.folder / "checkpoints"):
            disks.append(SmallDisk(folder))
        yield disks
    finally:
        for process in getattr(project, "started", ()):
            if process.poll() is None:
                process.kill()
                process.wait()
        for disk in disks:
            disk.done()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
@pytest.mark.parametrize("version, seed", [(2, 4), (3, None)])
def test_disks_that_fill_at_random_moments(project, small_disks, followed, duck, version, seed):  # noqa: F811
    """The warehouse's or the state's disk is full for a while, beside kills and maintenance: a run that it ends says so with the
    code of full disks and leaves nothing half; the next one goes on."""
    if seed is None:
        seed = int(os.environ.get("FIRN_TEST_SEED", 3))
    print(f"FIRN_TEST_SEED={seed}")
    c = followed(TABLES, tables={name: {"format_version": version} for name in NAMES}, follow_more={"maintain_interval": "300ms"})
    work, r, met_full = Workload(c, seed), random.Random(seed), 0
    project.started = []
    for turn in range(int(os.environ.get("FIRN_TEST_ROUNDS", "4"))):
        err = project.folder / "err"
        process = project.start("follow", "--source", "n", "--load", stderr=open(err, "w", encoding="utf-8"))
        project.started.append(process)
        for _ in range(r.randint(1, 30)):
            work.transaction()
        disks = [disk for disk in small_disks if r.random() < 0.5] or [small_disks[0]]
        for disk in disks:
            disk.fill(r.choice((0, 0, 4096, 20000, 100000)))
        for _ in range(r.randint(20, 80)):
            work.transaction() if r.random() < 0.9 else work.transaction_with_shape()
            time.sleep(r.uniform(0, 0.03))
        if r.random() < 0.3:
            process.kill()  # while it is full
            process.wait()
        elif small_disks[0] in disks and r.random() < 0.8:
            # There is less and less room: the run has to end by itself.
            deadline = time.monotonic() + 120
            while process.poll() is None:
                assert time.monotonic() < deadline, err.read_text(encoding="utf-8")[-3000:]
                work.transaction()
                disks[0].fill(0)  # maintenance makes room
        for disk in disks:
            disk.empty()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        code, text = process.wait(timeout=240), err.read_text(encoding="utf-8")
        assert code in (0, -signal.SIGKILL) or (code == 74 and "FIRN-3002" in text) or (code == 1 and "FIRN-5031" in text), (code, text[-3000:])
        met_full += code == 74
        before = [events_applied(project, name) for name in NAMES]
        # A change of shape is seen with the first row behind it (docs/SCHEMA_CHANGES.md).
        c.execute(f"INSERT INTO keyed (id, amount) VALUES ({-2000000 - turn}, 1); INSERT INTO pair (a, b) VALUES ({-2000000 - turn}, 'last');"
                  "INSERT INTO plain DEFAULT VALUES")
        follow(project, "--load")
        assert_all_equal(project, duck)
        assert all(a >= b for a, b in zip([events_applied(project, name) for name in NAMES], before))
    print(f"{met_full} runs were ended by a full disk")
