"""A throw-away Kerberos realm: MIT's KDC."""
import os
import shutil
import socket
import subprocess

from .process import Process, free_port, scratch_folder

CLIENT = """
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
"""

KDC = """
[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
    max_life = 1h
  }}
[logging]
  kdc = FILE:{folder}/kdc.log
"""


def _program(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert found, f"no {name}: run tools/setup --tests"
    return found


class Kerberos:
    """`lives` is how long tickets last, by principal. `environment` has its users find it; `settings` is their krb5.conf."""
    realm = "FIRN.TEST"

    def __init__(self, lives):
        self.folder, self.port = scratch_folder("kerberos"), free_port()
        self.settings = self._write("krb5.conf", CLIENT)
        self.environment = {"KRB5_CONFIG": self.settings}
        self._environment = {**os.environ, **self.environment, "KRB5_KDC_PROFILE": self._write("kdc.conf", KDC)}
        self._run(_program("kdb5_util"), "create", "-s", "-r", self.realm, "-P", "master")
        self._run(_program("kadmin.local"), "-r", self.realm, stdin="".join(
            f"addprinc -randkey -maxlife {life} {name}\nktadd -k {self.keytab(name)} {name}\n" for name, life in lives.items()))
        self.process = Process("the KDC", [_program("krb5kdc"), "-n", "-r", self.realm, "-P", os.path.join(self.folder, "pid")],
                               os.path.join(self.folder, "log"), env=self._environment)
        self.process.wait_until(self._listens, 30)

    def keytab(self, name):
        return os.path.join(self.folder, name.replace("/", "-") + ".keytab")

    def logins(self, name):
        """How often tickets were got by a key of this principal."""
        with open(os.path.join(self.folder, "kdc.log"), encoding="utf-8") as log:
            return sum("AS_REQ" in line and "ISSUE" in line and f" {name}@" in line for line in log)

    def remove(self, name):
        self._run(_program("kadmin.local"), "-r", self.realm, stdin=f"delprinc -force {name}\n")

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.format(realm=self.realm, port=self.port, folder=self.folder))
        return path

    def _run(self, *command, stdin=None):
        done = subprocess.run(command, input=stdin, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.stop()
