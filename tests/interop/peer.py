"""Servers in processes of their own, for the side of the wire that a case does not look from."""

import contextlib
import json
import socket
import subprocess
import time


class Peer:
    """One that says where it is in its first line, runs until its input ends, and then may tell what it saw, as JSON."""

    def __init__(self, process):
        self.said = process.stdout.readline().strip()
        self.seen = {}

    def __getattr__(self, name):
        return self.seen[name]


@contextlib.contextmanager
def peer(command, environment, log=None):
    """A peer, with its log in a file where one is named."""
    with open(log, "w") if log else contextlib.nullcontext() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
        made = Peer(process)
        try:
            assert made.said, "%s says nothing%s" % (command, ": " + open(log).read()[-2000:] if log else "")
            yield made
        finally:
            out, _ = process.communicate(timeout=20)
            if out:
                made.seen = json.loads(out)


def wait_for(port):
    """Waits until something listens there."""
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("nothing listens on %d" % port)
