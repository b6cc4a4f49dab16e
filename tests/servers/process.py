"""Processes that never outlive their user.

Each server runs in a process group of its own and carries a parent-death signal, so that it ends with us however we end
(Ctrl-C, an exception, SIGKILL). Folders are removed at exit; those of a killed run are found by their owner's process id
and removed by the next one.
"""
import atexit
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PR_SET_PDEATHSIG = 1
FOLDER_PREFIX = "firn-run-"
_libc = ctypes.CDLL(None)


class ServerFailed(RuntimeError):
    pass


def unprivileged_user():
    """PostgreSQL refuses root: the account to run it under, or None for our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerFailed("running as root, and neither the user 'postgres' nor 'nobody' exists")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sweep(base):
    """Removes what killed runs have left behind."""
    for entry in os.scandir(base):
        if entry.name.startswith(FOLDER_PREFIX) and entry.is_dir(follow_symlinks=False):
            owner = entry.name[len(FOLDER_PREFIX):].split("-")[0]
            if owner.isdigit() and not _alive(int(owner)):
                shutil.rmtree(entry.path, ignore_errors=True)


def scratch_folder(name):
    """A new folder, readable by the unprivileged user, gone at exit."""
    base = tempfile.gettempdir()
    _sweep(base)
    path = tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-{name}-", dir=base)
    os.chmod(path, 0o755)
    if not os.environ.get("FIRN_KEEP"):
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def give(path, user):
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)


class Process:
    """One server process: start, wait until it answers, stop."""

    def __init__(self, name, command, log_path, user=None, env=None, cwd=None, stop_signal=signal.SIGTERM):
        self.name = name
        self.log_path = log_path
        self.stop_signal = stop_signal
        keywords = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        self._log = open(log_path, "ab")
        self.popen = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, env=env, cwd=cwd,
            start_new_session=True, preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **keywords)
        atexit.register(self.stop)

    def wait_until(self, ready, timeout_s):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.popen.poll() is not None:
                raise ServerFailed(f"{self.name} ended with {self.popen.returncode}:\n{self.log_tail()}")
            if ready():
                return
            time.sleep(0.1)
        raise ServerFailed(f"{self.name} did not answer within {timeout_s} s:\n{self.log_tail()}")

    def log_tail(self, size=4000):
        with open(self.log_path, "rb") as log:
            return log.read()[-size:].decode(errors="replace")

    def stop(self, timeout_s=10):
        atexit.unregister(self.stop)
        if self.popen.poll() is None:
            try:
                self.popen.send_signal(self.stop_signal)
                self.popen.wait(timeout_s)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.popen.wait()
        self._log.close()


def exit_on_signals(leave=sys.exit):
    """SIGTERM and SIGHUP run the atexit handlers, as Ctrl-C does by itself; a second one does not disturb them."""
    def handle(received, _):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        leave(128 + received)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
