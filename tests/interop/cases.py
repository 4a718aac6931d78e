"""Cases of both halves; each is a function, and one that raises has failed."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile

import pypsrp.encryption
import winrm
import winrm.encryption
from pypsrp.exceptions import AuthenticationError, WinRMTransportError
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan
from winrm.exceptions import InvalidCredentialsError

from acceptor import serving
from attempts import Attempts, equal, raises
from wire import PASSWORD, USER, lab, look

@contextlib.contextmanager
def host():
    """The address of a lab host."""
    if "LAB_ADDRESS" in os.environ:
        yield os.environ["LAB_ADDRESS"]
    else:
        with lab("serve", "target/interop/server.log") as server:
            yield server.said


# pywinrm


def pywinrm_session(address, password=None):
    return winrm.Session(
        "http://%s/wsman" % address,
        auth=(USER, password or PASSWORD),
        transport="ntlm",
        message_encryption="always",
        operation_timeout_sec=2,
        read_timeout_sec=5,
    )


def pywinrm_runs_a_command(address):
    reply = pywinrm_session(address).run_cmd("echo", ["hello", "%COMPUTERNAME%"])
    equal((reply.status_code, reply.std_out), (0, b"hello WEB01\r\n"))


def pywinrm_runs_a_script(address):
    reply = pywinrm_session(address).run_ps("$ErrorActionPreference = 'Stop'\nhostname; exit 3")
    equal((reply.status_code, reply.std_out), (3, b"WEB01\r\n"))


def pywinrm_meets_an_unknown_command(address):
    reply = pywinrm_session(address).run_cmd("frobnicate")
    equal(reply.status_code, 1)
    assert b"is not recognized as an internal or external command" in reply.std_err, reply.std_err


def pywinrm_feeds_input_over_several_receives(address):
    protocol = pywinrm_session(address).protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "more")
    protocol.send_command_input(shell, command, b"one\r\n" * 50_000)
    protocol.send_command_input(shell, command, b"two\r\n", end=True)
    out, _, code = protocol.get_command_output(shell, command)
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)
    equal((code, out), (0, b"one\r\n" * 50_000 + b"two\r\n"))


def pywinrm_waits_through_time_outs(address):
    import threading

    protocol = pywinrm_session(address).protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "more")
    sender = pywinrm_session(address).protocol
    # Longer than the operation's time-out of 2 s: the first Receive ends with a fault that says "nothing yet".
    timer = threading.Timer(3, lambda: sender.send_command_input(shell, command, b"late", end=True))
    timer.start()
    out, _, code = protocol.get_command_output(shell, command)
    timer.join()
    protocol.close_shell(shell)
    equal((code, out), (0, b"late"))


def pywinrm_with_a_wrong_password_is_refused(address):
    raises(InvalidCredentialsError, lambda: pywinrm_session(address, "wrong").run_cmd("hostname"))


def pywinrm_with_a_tampered_seal_is_refused(address):
    with flipped(winrm.encryption.Encryption, "_encrypt_message"):
        error = raises(Exception, lambda: pywinrm_session(address).run_cmd("hostname"))
    assert "400" in error, error


@contextlib.contextmanager
def flipped(owner, name):
    """A method that makes sealed messages, made to change their last byte."""
    honest = getattr(owner, name)

    def tampered(*given):
        sealed = honest(*given)
        return sealed[:-1] + bytes([sealed[-1] ^ 1])

    setattr(owner, name, tampered)
    try:
        yield
    finally:
        setattr(owner, name, honest)


# pypsrp, by its WinRS client


def pypsrp_session(address, auth, password=None):
    host, port = address.split(":")
    return WSMan(
        host,
        port=int(port),
        ssl=False,
        auth=auth,
        encryption="always",
        username=USER,
        password=password or PASSWORD,
        operation_timeout=2,
        read_timeout=5,
        reconnection_retries=0,
        negotiate_send_cbt=False,
    )


def pypsrp_run(address, auth, password=None):
    with pypsrp_session(address, auth, password) as wsman, WinRS(wsman) as shell:
        process = Process(shell, "whoami")
        process.invoke()
        process.signal(SignalCode.CTRL_C)
        equal((process.rc, process.stdout), (0, USER.lower().encode() + b"\r\n"))


def pypsrp_runs_a_command_over_ntlm(address):
    pypsrp_run(address, "ntlm")


def pypsrp_runs_a_command_over_spnego(address):
    pypsrp_run(address, "negotiate")


def pypsrp_sends_input(address):
    with pypsrp_session(address, "ntlm") as wsman, WinRS(wsman) as shell:
        process = Process(shell, "more", no_shell=False)
        process.begin_invoke()
        process.send(b"first\r\n", end=False)
        process.send(b"last\r\n", end=True)
        process.end_invoke()
        process.signal(SignalCode.CTRL_C)
        equal((process.rc, process.stdout), (0, b"first\r\nlast\r\n"))


def pypsrp_with_a_wrong_password_is_refused(address):
    for auth in ["ntlm", "negotiate"]:
        raises((AuthenticationError, WinRMTransportError), lambda: pypsrp_run(address, auth, "wrong"))


def pypsrp_with_a_tampered_seal_is_refused(address):
    with flipped(pypsrp.encryption.WinRMEncryption, "_wrap_message"):
        error = raises(WinRMTransportError, lambda: pypsrp_run(address, "ntlm"))
    assert "400" in error, error


# Ansible's winrm connection


def ansible(address, task, password=None):
    host, port = address.split(":")
    variables = {
        "ansible_connection": "winrm",
        "ansible_winrm_transport": "ntlm",
        "ansible_winrm_scheme": "http",
        "ansible_winrm_message_encryption": "always",
        "ansible_host": host,
        "ansible_port": int(port),
        "ansible_user": USER,
        "ansible_password": password or PASSWORD,
        "ansible_shell_type": "powershell",
    }
    with tempfile.TemporaryDirectory() as home:
        inventory = os.path.join(home, "inventory.json")
        with open(inventory, "w") as file:
            json.dump({"all": {"hosts": {"web01": variables}}}, file)
        environment = dict(os.environ, ANSIBLE_HOME=home, ANSIBLE_LOCALHOST_WARNING="0", LC_ALL="C.UTF-8")
        command = ["ansible", "web01", "-i", inventory, *task]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def ansible_runs_a_raw_command(address):
    done = ansible(address, ["-m", "raw", "-a", "hostname"])
    assert done.returncode == 0 and "rc=0" in done.stdout and "WEB01" in done.stdout, done.stdout + done.stderr


def ansible_is_told_what_is_not_known(address):
    done = ansible(address, ["-m", "raw", "-a", "Get-Frobnication"])
    assert done.returncode != 0 and "is not recognized" in done.stdout, done.stdout + done.stderr


def ansible_with_a_wrong_password_is_refused(address):
    done = ansible(address, ["-m", "raw", "-a", "hostname"], "wrong")
    assert done.returncode == 4 and "credentials were rejected" in done.stdout, done.stdout + done.stderr


# farmhand's client against a server made of pyspnego


def farmhand_talks_to_pyspnego():
    with serving(USER, PASSWORD) as server:
        code, out, err = look(server.address)
        assert code == 0, err
        equal(out, '[{"present":{"read":"host_facts"}}] in 8 requests\n')
        equal(server.actions, ["Create", "Command", "Send", "Receive", "Signal", "Delete"])
        equal((server.clear, server.problems), ([], []))


def farmhand_with_a_wrong_password_says_who_and_where():
    with serving(USER, PASSWORD) as server:
        code, _, err = look(server.address, password="wrong")
        assert code != 0 and "`127.0.0.1` refused the login of `LAB\\operator`" in err, err
        equal((server.clear, server.problems, server.actions), ([], [], []))


def farmhand_refuses_a_tampered_seal():
    with serving(USER, PASSWORD, tamper=True) as server:
        code, _, err = look(server.address)
        assert code != 0 and "its seal does not hold" in err, err
        equal((server.clear, server.problems), ([], []))


def farmhand_refuses_an_answer_in_clear():
    with serving(USER, PASSWORD, unseal=True) as server:
        code, _, err = look(server.address)
        assert code != 0 and "without a seal" in err, err
        equal((server.clear, server.problems), ([], []))


AGAINST_THE_LAB = [
    pywinrm_runs_a_command,
    pywinrm_runs_a_script,
    pywinrm_meets_an_unknown_command,
    pywinrm_feeds_input_over_several_receives,
    pywinrm_waits_through_time_outs,
    pywinrm_with_a_wrong_password_is_refused,
    pywinrm_with_a_tampered_seal_is_refused,
    pypsrp_runs_a_command_over_ntlm,
    pypsrp_runs_a_command_over_spnego,
    pypsrp_sends_input,
    pypsrp_with_a_wrong_password_is_refused,
    pypsrp_with_a_tampered_seal_is_refused,
    ansible_runs_a_raw_command,
    ansible_is_told_what_is_not_known,
    ansible_with_a_wrong_password_is_refused,
]
OF_THE_CLIENT = [
    farmhand_talks_to_pyspnego,
    farmhand_with_a_wrong_password_says_who_and_where,
    farmhand_refuses_a_tampered_seal,
    farmhand_refuses_an_answer_in_clear,
]


def main():
    attempts = Attempts()
    with host() as address:
        attempts.make(AGAINST_THE_LAB, address)
    attempts.make(OF_THE_CLIENT)
    return attempts.end()


if __name__ == "__main__":
    sys.exit(main())
