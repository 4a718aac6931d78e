"""farmhand's NTLM against Samba's; each case is a function, and one that raises has failed."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile

WIRE = os.environ["WIRE"]
USER = "LAB\\operator"
PASSWORD = secrets.token_urlsafe(12) + "-ä1A"


@contextlib.contextmanager
def samba(*how):
    """A server and, once it has ended, what it saw."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samba_acceptor.py")
    environment = dict(os.environ, WIRE_PASSWORD=PASSWORD, LC_ALL="C.UTF-8")
    with tempfile.TemporaryDirectory(prefix="farmhand-samba-") as folder, open(os.path.join(folder, "log"), "w") as log:
        command = ["/usr/bin/python3", script, folder, USER.split("\\")[1], *how]
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        address = server.stdout.readline().strip()
        if not address:
            raise AssertionError(open(log.name).read()[-2000:])
        seen = {"address": address}
        try:
            yield seen
        finally:
            out, _ = server.communicate(timeout=20)
            seen.update(json.loads(out))


def look(address, user=USER, password=PASSWORD):
    environment = dict(os.environ, WIRE_PASSWORD=password, RUST_BACKTRACE="0")
    done = subprocess.run([WIRE, "look", address, user], capture_output=True, text=True, env=environment, timeout=60)
    return done.returncode, done.stdout, done.stderr


def equal(actual, expected):
    assert actual == expected, "%r is not %r" % (actual, expected)


def samba_takes_the_login_and_opens_the_seal():
    with samba() as seen:
        code, out, err = look(seen["address"])
        assert code == 0, err
        equal(out, '[{"present":{"read":"host_facts"}}] in 8 requests\n')
        code, _, err = look(seen["address"], USER, "wrong")
        assert code != 0 and "refused the login of `LAB\\operator`" in err, err
        code, _, err = look(seen["address"], "LAB\\nobody")
        assert code != 0 and "refused the login of `LAB\\nobody`" in err, err
    equal(seen["actions"], ["Create", "Command", "Send", "Receive", "Signal", "Delete"])
    equal((seen["names"], seen["clear"], seen["problems"]), (["operator"], 0, []))
    equal(len(seen["refusals"]), 2)


def a_seal_of_samba_s_that_was_tampered_with_is_refused():
    with samba("tamper") as seen:
        code, _, err = look(seen["address"])
    assert code != 0 and "its seal does not hold" in err, err
    equal((seen["clear"], seen["problems"]), (0, []))


CASES = [samba_takes_the_login_and_opens_the_seal, a_seal_of_samba_s_that_was_tampered_with_is_refused]


def main():
    results = []
    for case in CASES:
        name = case.__name__.replace("_", " ")
        try:
            case()
        except Exception as error:
            print("FAILED  %s: %s: %s" % (name, type(error).__name__, error), flush=True)
            results.append(False)
        else:
            print("ok      %s" % name, flush=True)
            results.append(True)
    print("%d passed, %d failed" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
