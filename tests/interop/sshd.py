"""A real OpenSSH server on loopback whose `powershell.exe` is a lab host, and proxies that delay and count."""

import contextlib
import os
import queue
import shutil
import socket
import subprocess
import threading
import time

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"

# What a login finds on its PATH in the place of Windows PowerShell.
STAND_IN = """#!/bin/sh
# $5 is the encoded bootstrap; what it reads comes on standard input.
[ "$1 $2 $3 $4" = "-NoProfile -NonInteractive -ExecutionPolicy Bypass" ] || exit 9
exec %s agent %s
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def keygen(path, kind="ed25519", passphrase=""):
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


class Server:
    """One sshd, its folder, and the lab host behind it."""

    def __init__(self, folder, port, example, settings, drive):
        self.folder, self.port, self.example = folder, port, example
        self.host = os.path.join(folder, "host")
        bin = os.path.join(folder, "bin")
        os.makedirs(bin)
        subprocess.run([example, "host", self.host, os.path.basename(folder)], check=True)
        self.powershell = os.path.join(bin, "powershell.exe")
        with open(self.powershell, "w") as file:
            file.write(STAND_IN % (example, self.host))
        os.chmod(self.powershell, 0o755)
        keys = [keygen(os.path.join(folder, "host_%s" % kind), kind) for kind in ("ed25519", "ecdsa")]
        self.config = os.path.join(folder, "sshd_config")
        lines = ["HostKey %s" % key for key in keys] + [
            "Port %d" % port,
            "ListenAddress 127.0.0.1",
            "PidFile none",
            "StrictModes no",
            "PermitRootLogin yes",
            "AuthorizedKeysFile %s/authorized_keys" % folder,
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "SetEnv PATH=%s:/usr/local/bin:/usr/bin:/bin" % bin,
            "Subsystem sftp internal-sftp",
            "MaxStartups 50",
        ]
        given = {line.split()[0] for line in settings}
        with open(self.config, "w") as file:
            file.write("\n".join([*settings, *(line for line in lines if line.split()[0] not in given)]) + "\n")
        self.drive = drive
        self.process = None

    def start(self):
        os.makedirs("/run/sshd", exist_ok=True)
        command = [SSHD, "-D", "-e", "-f", self.config]
        if self.drive:
            # sshd sees the lab host's drive where SFTP on Windows has it; nobody else does.
            drive = os.path.join(self.host, "C")
            script = 'mount --make-rprivate / && mount --bind "$0" /C: && exec "$@"'
            command = ["unshare", "-m", "sh", "-c", script, drive, *command]
        with open(os.path.join(self.folder, "sshd.log"), "a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError("sshd does not start; see %s" % log.name)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
        self.process = None

    def authorize(self, key):
        with open(key + ".pub") as public, open(os.path.join(self.folder, "authorized_keys"), "a") as file:
            file.write(public.read())

    def known(self, kind="ed25519", port=None):
        """The line that makes its key known."""
        with open(os.path.join(self.folder, "host_%s.pub" % kind)) as file:
            return "[127.0.0.1]:%d %s\n" % (port or self.port, " ".join(file.read().split()[:2]))

    def fingerprint(self, kind="ed25519"):
        key = os.path.join(self.folder, "host_%s.pub" % kind)
        return subprocess.run(["ssh-keygen", "-l", "-f", key], capture_output=True, text=True).stdout.split()[1]


@contextlib.contextmanager
def drives():
    """Whether each server can have a drive of its own where SFTP on Windows has it; that takes root."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        yield False
        return
    made = not os.path.exists("/C:")
    if made:
        os.mkdir("/C:")
    try:
        yield True
    finally:
        if made:
            os.rmdir("/C:")


@contextlib.contextmanager
def running(folder, example, settings=(), drive=False):
    os.makedirs(folder)
    server = Server(folder, free_port(), example, list(settings), drive)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Proxy:
    """Passes connections on, each way so many seconds later, and counts bytes."""

    def __init__(self, port, delay):
        self.to, self.delay = port, delay
        self.up = self.down = self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self.to))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pump(near, far, "up")
            self.pump(far, near, "down")

    def pump(self, source, target, way):
        waiting = queue.Queue()

        def read():
            while True:
                try:
                    data = source.recv(1 << 18)
                except OSError:
                    data = b""
                setattr(self, way, getattr(self, way) + len(data))
                waiting.put((time.monotonic() + self.delay, data))
                if not data:
                    return

        def write():
            while True:
                due, data = waiting.get()
                time.sleep(max(0, due - time.monotonic()))
                try:
                    if data:
                        target.sendall(data)
                        continue
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    with contextlib.suppress(OSError):
                        source.shutdown(socket.SHUT_RDWR)
                return

        for run in (read, write):
            threading.Thread(target=run, daemon=True).start()

    def close(self):
        self.listener.close()
