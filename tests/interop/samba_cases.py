"""farmhand's NTLM against Samba's; each case is a function, and one that raises has failed."""

import contextlib
import os
import sys
import tempfile

from attempts import Attempts, equal
from peer import peer
from wire import PASSWORD, USER, look


@contextlib.contextmanager
def samba(*how):
    """A server and, once it has ended, what it saw."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samba_acceptor.py")
    environment = dict(os.environ, WIRE_PASSWORD=PASSWORD, LC_ALL="C.UTF-8")
    with tempfile.TemporaryDirectory(prefix="farmhand-samba-") as folder:
        command = ["/usr/bin/python3", script, folder, USER.split("\\")[1], *how]
        with peer(command, environment, os.path.join(folder, "log")) as server:
            yield server


def samba_takes_the_login_and_opens_the_seal():
    with samba() as server:
        code, out, err = look(server.said)
        assert code == 0, err
        equal(out, '[{"present":{"read":"host_facts"}}] in 8 requests\n')
        code, _, err = look(server.said, password="wrong")
        assert code != 0 and "refused the login of `LAB\\operator`" in err, err
        code, _, err = look(server.said, user="LAB\\nobody")
        assert code != 0 and "refused the login of `LAB\\nobody`" in err, err
    equal(server.actions, ["Create", "Command", "Send", "Receive", "Signal", "Delete"])
    equal((server.names, server.clear, server.problems), (["operator"], 0, []))
    equal(len(server.refusals), 2)


def a_seal_of_samba_s_that_was_tampered_with_is_refused():
    with samba("tamper") as server:
        code, _, err = look(server.said)
    assert code != 0 and "its seal does not hold" in err, err
    equal((server.clear, server.problems), (0, []))


CASES = [samba_takes_the_login_and_opens_the_seal, a_seal_of_samba_s_that_was_tampered_with_is_refused]


def main():
    attempts = Attempts()
    attempts.make(CASES)
    return attempts.end()


if __name__ == "__main__":
    sys.exit(main())
