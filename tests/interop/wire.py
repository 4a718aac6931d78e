"""The example `wire`: farmhand's client, and a host of the lab."""

import os
import secrets
import subprocess

from peer import peer

WIRE = os.environ["WIRE"]
USER = "LAB\\operator"
# As Samba wants them, of several kinds; and not all of it is ASCII.
PASSWORD = os.environ.get("WIRE_PASSWORD") or secrets.token_urlsafe(12) + "-ä1A"


def look(address, *more, user=USER, password=PASSWORD, command=(WIRE,), environment=os.environ, **said):
    """The exit code of `wire look`, what it prints and what it complains of. `said` is what it is told by the environment."""
    environment = dict(environment, WIRE_PASSWORD=password, RUST_BACKTRACE="0")
    environment.update(("WIRE_" + name.upper(), value) for name, value in said.items())
    done = subprocess.run(
        [*command, "look", address, user, *more], capture_output=True, text=True, env=environment, timeout=90
    )
    return done.returncode, done.stdout, done.stderr


def lab(how, log):
    """A host of the lab, which serves as it is told."""
    return peer([WIRE, how], dict(os.environ, WIRE_PASSWORD=PASSWORD), log)
