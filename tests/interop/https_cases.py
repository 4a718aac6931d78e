"""WinRM over HTTPS and by way of a proxy: pywinrm and pypsrp against the lab, farmhand's client through tinyproxy."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import winrm
from pypsrp.exceptions import AuthenticationError, WinRMTransportError
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan
from winrm.exceptions import InvalidCredentialsError

from cases import PASSWORD, USER, WIRE, attempt, equal, lab, raises


@contextlib.contextmanager
def secure_lab():
    """The address of a lab host that listens by TLS and takes bound logins alone, and its authority's file."""
    environment = dict(os.environ, WIRE_PASSWORD=PASSWORD)
    with open("target/interop/https.log", "w") as log:
        server = subprocess.Popen(
            [WIRE, "serve-https"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        try:
            yield tuple(server.stdout.readline().split())
        finally:
            server.stdin.close()
            server.wait(10)


# pywinrm


def pywinrm_run(lab, transport, password=None, **settings):
    address, ca = lab
    session = winrm.Session(
        "https://%s/wsman" % address,
        auth=(USER, password or PASSWORD),
        transport=transport,
        ca_trust_path=ca,
        operation_timeout_sec=2,
        read_timeout_sec=5,
        **settings,
    )
    reply = session.run_cmd("echo", ["hello", "%COMPUTERNAME%"])
    equal((reply.status_code, reply.std_out), (0, b"hello WEB01\r\n"))


def pywinrm_runs_a_command_with_basic(lab):
    pywinrm_run(lab, "basic")


def pywinrm_runs_a_command_with_bound_ntlm(lab):
    pywinrm_run(lab, "ntlm")


def pywinrm_with_unbound_ntlm_is_refused(lab):
    raises(InvalidCredentialsError, lambda: pywinrm_run(lab, "ntlm", send_cbt=False))


def pywinrm_with_a_wrong_password_is_refused(lab):
    for transport in ["basic", "ntlm"]:
        raises(InvalidCredentialsError, lambda: pywinrm_run(lab, transport, "wrong"))


# pypsrp


def pypsrp_run(lab, auth, password=None, **settings):
    address, ca = lab
    host, port = address.split(":")
    session = WSMan(
        host,
        port=int(port),
        ssl=True,
        cert_validation=ca,
        auth=auth,
        username=USER,
        password=password or PASSWORD,
        operation_timeout=2,
        read_timeout=5,
        reconnection_retries=0,
        **settings,
    )
    with session as wsman, WinRS(wsman) as shell:
        process = Process(shell, "whoami")
        process.invoke()
        process.signal(SignalCode.CTRL_C)
        equal((process.rc, process.stdout), (0, USER.lower().encode() + b"\r\n"))


def pypsrp_runs_a_command_by_each_login(lab):
    for auth in ["basic", "ntlm", "negotiate"]:
        pypsrp_run(lab, auth)


def pypsrp_with_unbound_logins_is_refused(lab):
    for auth in ["ntlm", "negotiate"]:
        raises((AuthenticationError, WinRMTransportError), lambda: pypsrp_run(lab, auth, negotiate_send_cbt=False))


def pypsrp_with_a_wrong_password_is_refused(lab):
    for auth in ["basic", "ntlm", "negotiate"]:
        raises((AuthenticationError, WinRMTransportError), lambda: pypsrp_run(lab, auth, "wrong"))


# farmhand's client by way of tinyproxy


@contextlib.contextmanager
def tinyproxy(*lines):
    """The address of a proxy with these lines in its configuration."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tinyproxy.conf")
        with open(path, "w") as file:
            file.write("\n".join(["Port %d" % port, "Listen 127.0.0.1", "Timeout 60", *lines]) + "\n")
        proxy = subprocess.Popen([shutil.which("tinyproxy"), "-d", "-c", path], stdout=subprocess.DEVNULL)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield "127.0.0.1:%d" % port
        finally:
            proxy.terminate()
            proxy.wait(10)


def look(proxy, address, *https, user=None):
    environment = dict(os.environ, WIRE_PASSWORD=PASSWORD, WIRE_PROXY=proxy)
    if user:
        environment["WIRE_PROXY_USER"] = user
    command = [WIRE, "look", address, USER, *https]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    return done.returncode, done.stdout, done.stderr


def farmhand_goes_by_tinyproxy(secure):
    address, ca = secure
    with tinyproxy() as proxy, lab() as clear:
        for requests, told in [
            (8, look(proxy, clear)),
            (8, look(proxy, address, "ntlm", ca)),
            (8, look(proxy, address, "negotiate", ca)),
            (6, look(proxy, address, "basic", ca)),
        ]:
            code, out, err = told
            assert code == 0 and out.endswith("in %d requests\n" % requests), (out, err)


def farmhand_is_told_what_tinyproxy_says(secure):
    address, ca = secure
    with tinyproxy("BasicAuth me %s" % PASSWORD.replace("-ä", "")) as proxy:
        code, _, err = look(proxy, address, "basic", ca)
        assert code != 0 and "the proxy %s" % proxy in err and "proxy_user" in err and "407" in err, err
    with tinyproxy("ConnectPort 443") as proxy:
        code, _, err = look(proxy, address, "basic", ca)
        assert code != 0 and "must allow CONNECT" in err and "403" in err, err
    with tinyproxy() as proxy:
        # Nobody listens there.
        code, _, err = look(proxy, "127.0.0.1:1", "basic", ca)
        assert code != 0 and "cannot reach 127.0.0.1:1 itself" in err, err
    code, _, err = look(proxy, address, "basic", ca)
    assert code != 0 and "the proxy %s" % proxy in err and "refused the connection" in err, err


CASES = [
    pywinrm_runs_a_command_with_basic,
    pywinrm_runs_a_command_with_bound_ntlm,
    pywinrm_with_unbound_ntlm_is_refused,
    pywinrm_with_a_wrong_password_is_refused,
    pypsrp_runs_a_command_by_each_login,
    pypsrp_with_unbound_logins_is_refused,
    pypsrp_with_a_wrong_password_is_refused,
    farmhand_goes_by_tinyproxy,
    farmhand_is_told_what_tinyproxy_says,
]


def main():
    with secure_lab() as address:
        results = [attempt(case, address) for case in CASES]
    print("%d passed, %d failed" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
