"""coturn in a world's public network, and the certificates that it shows."""
import os
import shutil
import subprocess
import tempfile
import threading
import time

from lab import SERVERS, command

USER, PASSWORD, REALM = "lab", "correct horse", "lab.example"
NAME = "turn.lab.example"  # in the certificate, as are the addresses
PATIENCE_S = 60


class Certificates:
    """An authority, and a server's certificate of its making. `ca` is what applications are to trust. `wrong_name` is for another host, `unknown`
    from another authority."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="nat-certificates-")
        addresses = ",".join(f"IP:{address}" for family in SERVERS.values() for address in family)
        try:
            self.ca = self._authority("ca")
            self._authority("other")
            self.good = self._server("good", "ca", f"DNS:{NAME},{addresses}")
            self.wrong_name = self._server("wrong_name", "ca", "DNS:elsewhere.example")
            self.unknown = self._server("unknown", "other", f"DNS:{NAME},{addresses}")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def _authority(self, name):
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"))
        return self.path(name + ".pem")

    def _server(self, name, authority, names):
        key, request, certificate = (self.path(name + end) for end in (".key", ".csr", ".pem"))
        command("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        command("openssl", "x509", "-req", "-in", request, "-CA", self.path(authority + ".pem"), "-CAkey", self.path(authority + ".key"), "-CAcreateserial",
                "-days", "2", "-extfile", "/dev/stdin", "-out", certificate, text=f"subjectAltName={names}\n")
        return certificate, key


class Coturn:
    """One server process: UDP and TCP on `port`, TLS and DTLS on `tls_port`, on all of `addresses` (two of a family make it an RFC 5780 server)."""

    def __init__(self, world, certificate, *options, addresses=(*SERVERS[4][:2], *SERVERS[6][:2]), port=3478, tls_port=5349, users=((USER, PASSWORD),)):
        self.folder = tempfile.mkdtemp(prefix="nat-coturn-")
        arguments = ["-n", "--no-cli", "--log-file=stdout", "--simple-log", f"--listening-port={port}", f"--tls-listening-port={tls_port}", "--fingerprint",
                     "--lt-cred-mech", f"--realm={REALM}", f"--cert={certificate[0]}", f"--pkey={certificate[1]}", "--no-multicast-peers",
                     f"--pidfile={self.folder}/turn.pid", f"--userdb={self.folder}/turn.db",
                     *(f"--user={user}:{password}" for user, password in users),
                     *(f"--{what}={address}" for address in addresses for what in ("listening-ip", "relay-ip")), *options]
        self.command = [*world.public.prefix, "turnserver", *arguments]
        self.world, self.addresses, self.ports = world, addresses, (port, tls_port)
        self.process = None
        self.log = []
        try:
            self.start()
        except Exception:
            self.__exit__()
            raise

    def start(self):
        """Starts it (again) and waits until it listens."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        deadline = time.monotonic() + PATIENCE_S
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("coturn does not listen:\n" + "\n".join(self.log[-20:]))
            time.sleep(0.01)

    def _listens(self):
        sockets = self.world.public.run("ss", "-Htuln")
        bound = {(line.split()[0], line.split()[4].strip("[]").replace("]:", ":")) for line in sockets.splitlines()}
        return all((protocol, f"{address}:{port}") in bound for protocol in ("udp", "tcp") for address in self.addresses for port in self.ports)

    def _read(self, stream):
        self.log.extend(line.rstrip() for line in stream)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder)
