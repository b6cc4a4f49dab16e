"""A certificate authority made for one run of tests."""
import os
import subprocess

from .process import scratch_folder


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Authority:
    """`certificate` is what its friends trust."""

    def __init__(self, name="firn tests"):
        self.folder = scratch_folder("authority")
        self.key, self.certificate = self._path("ca.key"), self._path("ca.pem")
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "30", "-subj", f"/CN={name}")

    def _path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, days=30, password=None):
        """(certificate, key) for the host or client `name`; `days` below zero: it has run out. The key is encrypted by `password`."""
        stem = f"{name}{days}{'-locked' if password else ''}"
        certificate, key, request, extension = (self._path(stem + end) for end in (".pem", ".key", ".csr", ".ext"))
        with open(extension, "w", encoding="utf-8") as file:
            file.write(f"subjectAltName=DNS:{name}\n")
        _openssl("req", "-new", "-newkey", "rsa:2048", *(("-passout", f"pass:{password}") if password else ("-nodes",)),
                 "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", str(days),
                 "-extfile", extension, "-out", certificate)
        return certificate, key

    def issue_joined(self, name, **keywords):
        """Key and certificate in one file, as Kafka takes them."""
        certificate, key = self.issue(name, **keywords)
        path = certificate[:-len(".pem")] + ".joined.pem"
        with open(path, "w", encoding="utf-8") as out:
            for part in (key, certificate):
                with open(part, encoding="utf-8") as file:
                    out.write(file.read())
        return path
