"""WinRM over HTTPS and by way of a proxy: pywinrm and pypsrp against the lab, farmhand's client through tinyproxy."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import winrm
from pypsrp.exceptions import AuthenticationError, WinRMTransportError
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan
from winrm.exceptions import InvalidCredentialsError

from attempts import Attempts, equal, raises
from peer import wait_for
from sshd import free_port
from wire import PASSWORD, USER, lab, look

FARMHAND = os.environ["FARMHAND"]


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
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tinyproxy.conf")
        with open(path, "w") as file:
            file.write("\n".join(["Port %d" % port, "Listen 127.0.0.1", "Timeout 60", *lines]) + "\n")
        proxy = subprocess.Popen([shutil.which("tinyproxy"), "-d", "-c", path], stdout=subprocess.DEVNULL)
        try:
            wait_for(port)
            yield "127.0.0.1:%d" % port
        finally:
            proxy.terminate()
            proxy.wait(10)


def farmhand_goes_by_tinyproxy(secure):
    address, ca = secure
    with tinyproxy() as proxy, lab("serve", "target/interop/server.log") as clear:
        for requests, told in [
            (8, look(clear.said, proxy=proxy)),
            (8, look(address, "ntlm", ca, proxy=proxy)),
            (8, look(address, "negotiate", ca, proxy=proxy)),
            (6, look(address, "basic", ca, proxy=proxy)),
        ]:
            code, out, err = told
            assert code == 0 and out.endswith("in %d requests\n" % requests), (out, err)


def farmhand_is_told_what_tinyproxy_says(secure):
    address, ca = secure
    with tinyproxy("BasicAuth me %s" % PASSWORD.replace("-ä", "")) as proxy:
        code, _, err = look(address, "basic", ca, proxy=proxy)
        assert code != 0 and "the proxy %s" % proxy in err and "proxy_user" in err and "407" in err, err
    with tinyproxy("ConnectPort 443") as proxy:
        code, _, err = look(address, "basic", ca, proxy=proxy)
        assert code != 0 and "must allow CONNECT" in err and "403" in err, err
    with tinyproxy() as proxy:
        # Nobody listens there.
        code, _, err = look("127.0.0.1:1", "basic", ca, proxy=proxy)
        assert code != 0 and "cannot reach 127.0.0.1:1 itself" in err, err
    code, _, err = look(address, "basic", ca, proxy=proxy)
    assert code != 0 and "the proxy %s" % proxy in err and "refused the connection" in err, err


@contextlib.contextmanager
def served_farm(folder):
    """A folder with a playbook and `lab.yml`, the inventory of a lab that farmhand serves; and the environment for it."""
    with open(os.path.join(folder, "inventory.yml"), "w") as file:
        file.write(
            "groups: { web: { hosts: { web01: {}, web02: { connection: { scheme: https, auth: basic } },"
            " web03: { connection: { scheme: https, auth: certificate, certificate: me.pem } } } } }\n"
        )
    with open(os.path.join(folder, "site.yml"), "w") as file:
        file.write("plays: [{ hosts: 'web*', steps: [{ windows_feature: { names: [Web-Server] } }] }]\n")
    command = [FARMHAND, "lab", "serve", "--port", "0", "--http-port", "0", "--sql-port", "0"]
    with open(os.path.join(folder, "lab.yml"), "w") as inventory:
        server = subprocess.Popen(command, cwd=folder, stdout=inventory, stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if line.startswith("serving"):
                break
        with open(os.path.join(folder, ".farmhand/lab/secrets/lab-operator")) as file:
            yield dict(os.environ, FARMHAND_LAB_PASSWORD=file.read())
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(10)


def farmhand_plans_by_way_of_tinyproxy_and_with_a_pkcs12(_):
    with tempfile.TemporaryDirectory() as folder, served_farm(folder) as environment:
        pem = os.path.join(folder, ".farmhand/lab/ca/operator.pem")
        pfx = os.path.join(folder, "me.pfx")
        export = ["openssl", "pkcs12", "-export", "-in", pem, "-out", pfx, "-passout", "pass:sesame"]
        subprocess.run(export, check=True)
        path = os.path.join(folder, "lab.yml")
        with open(path) as file:
            text = file.read()
        text = re.sub("certificate: '[^']*'", "certificate: me.pfx, passphrase: \"{{ secret('env:PFX') }}\"", text)
        with tinyproxy("BasicAuth me sesame") as proxy:
            login = "proxy: http://%s, proxy_user: me, proxy_password: \"{{ secret('env:PFX') }}\", " % proxy
            with open(path, "w") as file:
                file.write(text.replace("connection: { via", "connection: { " + login + "via"))
            for passphrase, told in [("sesame", "3 to change"), ("open", "check proxy_user")]:
                command = [FARMHAND, "plan", "site.yml", "-i", "lab.yml"]
                environment["PFX"] = passphrase
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=60)
                assert told in done.stdout, done.stdout + done.stderr
        assert "`passphrase` does not open it" in done.stdout, done.stdout
        with open(path, "w") as file:
            file.write(text)
        environment["PFX"] = "sesame"
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=60)
        assert "3 to change" in done.stdout, done.stdout + done.stderr


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
    farmhand_plans_by_way_of_tinyproxy_and_with_a_pkcs12,
]


def main():
    attempts = Attempts()
    # It listens by TLS and takes bound logins alone.
    with lab("serve-https", "target/interop/https.log") as server:
        address, authority = server.said.split(" ", 1)
        attempts.make(CASES, (address, authority))
    return attempts.end()


if __name__ == "__main__":
    sys.exit(main())
