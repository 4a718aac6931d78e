"""farmhand over SSH and on this very machine, against real OpenSSH servers; each case is a function, and one that raises has failed."""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import sshd
import yaml

FARMHAND = os.environ["FARMHAND"]
EXAMPLE = os.environ["SSH_EXAMPLE"]
USER = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
PASSWORD = secrets.token_urlsafe(12)


class Farm:
    """A folder with the shipped playbook, an inventory and servers."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("signalr-farm.yml", "chat"):
            source, target = os.path.join("playbooks", name), os.path.join(folder, name)
            shutil.copytree(source, target) if os.path.isdir(source) else shutil.copy(source, target)
        self.environment = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        self.environment.update(HOME=folder, NO_COLOR="1", SVC="hunter2", FARM_PASSWORD=PASSWORD, KEY_PHRASE="open sesame")
        done = self.run("secret", "init", cwd=folder)
        assert done.returncode == 0, done.stderr
        self.run("secret", "set", "svc-chat", cwd=folder, input="hunter2\n")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def run(self, *arguments, cwd=None, input=None, **environment):
        environment = {**self.environment, **environment}
        return subprocess.run(
            [FARMHAND, *arguments], capture_output=True, text=True, cwd=cwd, env=environment, input=input, timeout=120
        )

    def inventory(self, hosts):
        """Writes an inventory of `web` hosts, each a server and the rest of its connection."""
        written = {
            name: {"address": "127.0.0.1", "connection": {"via": "ssh", "user": USER, "port": server.port, **more}}
            for name, (server, more) in hosts.items()
        }
        sql = {name: written.pop(name) for name in list(written) if name.startswith("sql")}
        self.write("inventory.yml", json.dumps({"groups": {"web": {"hosts": written}, "sql": {"hosts": sql}}}))

    def know(self, *lines):
        return self.write("known_hosts", "".join(lines))

    def apply(self, limit="web", **environment):
        return self.run("apply", self.path("signalr-farm.yml"), "--yes", "--limit", limit, **environment)

    def look(self, *more, **environment):
        """What one read-only look says, with the few steps that need no more than one."""
        return self.run("audit", self.path("signalr-farm.yml"), "--tags", "features", "--limit", "web", *more, **environment)


def expect(done, code, *texts):
    said = done.stdout + done.stderr
    assert done.returncode == code, "exit %d: %s" % (done.returncode, said)
    for text in texts:
        assert text in re.sub(r"\s+", " ", said), "no %r in: %s" % (text, said)


def refused(done, *texts):
    expect(done, 4, *texts)


def key(farm, name="id", passphrase="", kind="ed25519"):
    path = farm.path(name)
    if not os.path.exists(path):
        sshd.keygen(path, kind, passphrase)
    return path


# Keys


def a_key_logs_in(farm, server):
    server.authorize(key(farm))
    farm.inventory({"web01": (server, {"key_file": "id", "known_hosts": farm.know(server.known())})})
    expect(farm.look(), 2, "windows_feature")


def a_key_with_a_passphrase_logs_in_and_without_it_says_so(farm, server):
    server.authorize(key(farm, "locked", "open sesame"))
    more = {"key_file": "locked", "known_hosts": farm.know(server.known()), "agent": False}
    farm.inventory({"web01": (server, {**more, "passphrase": "{{ secret('env:KEY_PHRASE') }}"})})
    expect(farm.look(), 2, "windows_feature")
    refused(farm.look(KEY_PHRASE="wrong"), "cannot be opened with its passphrase")
    farm.inventory({"web01": (server, more)})
    refused(farm.look(), "if it has a passphrase, name its secret in `passphrase`")


def an_rsa_and_an_ecdsa_key_log_in(farm, server):
    for kind in ("rsa", "ecdsa"):
        server.authorize(key(farm, kind, kind=kind))
        farm.inventory({"web01": (server, {"key_file": kind, "known_hosts": farm.know(server.known())})})
        expect(farm.look(), 2, "windows_feature")


def a_key_that_is_not_authorized_is_refused_with_what_to_do(farm, server):
    key(farm, "stranger")
    farm.inventory({"web01": (server, {"key_file": "stranger", "known_hosts": farm.know(server.known()), "agent": False})})
    refused(farm.look(), "refused the login of `%s`" % USER, "administrators_authorized_keys", "the host offers publickey")


def a_key_that_is_not_there_is_wrong_input(farm, server):
    farm.inventory({"web01": (server, {"key_file": "nowhere"})})
    expect(farm.look(), 3, "inventory.yml:1:", "nowhere")


def an_agent_logs_in(farm, server):
    with ssh_agent(farm) as environment:
        more = {"known_hosts": farm.know(server.known())}
        farm.inventory({"web01": (server, more)})
        refused(farm.look(**environment), "the SSH agent has no keys")
        server.authorize(key(farm, "of_agent"))
        subprocess.run(["ssh-add", "-q", farm.path("of_agent")], check=True, env={**os.environ, **environment})
        expect(farm.look(**environment), 2, "windows_feature")
        farm.inventory({"web01": (server, {**more, "agent": False})})
        expect(farm.look(**environment), 3, "nothing gives the password of %s, who logs in to web01" % USER)
    farm.inventory({"web01": (server, more)})
    refused(farm.look(), "no SSH agent was heard")


@contextlib.contextmanager
def ssh_agent(farm):
    socket = farm.path("agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(socket):
            pass
        yield {"SSH_AUTH_SOCK": socket}
    finally:
        agent.terminate()
        agent.wait(10)


# Host keys


def an_unknown_host_is_refused_and_its_line_makes_it_known(farm, server):
    more = {"key_file": "id", "known_hosts": farm.know("# nobody\n")}
    farm.inventory({"web01": (server, more)})
    done = farm.look()
    line = server.known().strip()
    refused(done, "is not known", server.fingerprint(), line)
    farm.know(line + "\n")
    expect(farm.look(), 2, "windows_feature")


def a_changed_host_key_is_refused_loudly(farm, server):
    other = key(farm, "other_host_key")
    with open(other + ".pub") as file:
        farm.know("# one line\n", "[127.0.0.1]:%d %s" % (server.port, file.read()))
    refused(farm.look(), "HAS CHANGED", "line 2 of", server.fingerprint())


def a_revoked_host_key_is_refused(farm, server):
    farm.know(server.known(), "@revoked * " + server.known().split(" ", 1)[1])
    refused(farm.look(), "IS REVOKED")


def a_host_known_by_its_other_key_shows_that_one(farm, server):
    farm.know(server.known("ecdsa"))
    expect(farm.look(), 2, "windows_feature")


def a_hashed_known_host_is_found(farm, server):
    path = farm.know(server.known())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    with open(path) as file:
        assert file.read().startswith("|1|")
    expect(farm.look(), 2, "windows_feature")


def the_users_own_known_hosts_are_read(farm, server):
    farm.inventory({"web01": (server, {"key_file": "id"})})
    refused(farm.look(), "is not known", ".ssh/known_hosts")
    os.makedirs(farm.path(".ssh"), exist_ok=True)
    farm.write(".ssh/known_hosts", server.known())
    expect(farm.look(), 2, "windows_feature")


# Nobody there


def a_closed_port_and_a_server_of_another_kind_are_told_apart(farm, server):
    class Nobody:
        port = sshd.free_port()

    farm.inventory({"web01": (Nobody, {"key_file": "id", "agent": False})})
    refused(farm.look(), "refused the connection; check the port, and that sshd runs there")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Nobody.port = listener.getsockname()[1]

        def answer():
            near, _ = listener.accept()
            near.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            near.close()

        thread = threading.Thread(target=answer)
        thread.start()
        farm.inventory({"web01": (Nobody, {"key_file": "id", "agent": False})})
        refused(farm.look(), "what listens there does not talk SSH")
        thread.join(10)


# By way of another host


def a_host_is_reached_by_way_of_another(farm, server):
    with sshd.running(farm.path("gate"), EXAMPLE) as gate:
        gate.authorize(key(farm))
        known = farm.know(server.known(), gate.known())
        jump = {"key_file": "id", "known_hosts": known, "proxy_jump": "%s@127.0.0.1:%d" % (USER, gate.port)}
        farm.inventory({"web01": (server, jump)})
        expect(farm.look(), 2, "windows_feature")
        with open(os.path.join(gate.folder, "sshd.log")) as log:
            assert "Accepted publickey" in log.read()
        farm.know(server.known())
        refused(farm.look(), "the host key of `127.0.0.1 (the jump host of web01)` is not known")
        farm.know(server.known(), gate.known())
        server.stop()
        refused(farm.look(), "127.0.0.1 does not reach 127.0.0.1:%d" % server.port)
        server.start()


# Passwords


def a_password_logs_in(farm, server, account):
    password_logs_in(farm, server, account)


def a_password_given_as_an_answer_logs_in(farm, server, account):
    password_logs_in(farm, server, account)


def password_logs_in(farm, server, account):
    more = {"known_hosts": farm.know(server.known()), "user": account, "agent": False}
    farm.inventory({"web01": (server, {**more, "password": "{{ secret('env:FARM_PASSWORD') }}"})})
    expect(farm.look(), 2, "windows_feature")
    done = farm.look(FARM_PASSWORD="not-the-one")
    refused(done, "refused the login of `%s`: the password was refused" % account)
    assert "not-the-one" not in done.stdout + done.stderr
    farm.inventory({"web01": (server, more)})
    expect(farm.look(), 3, "nothing gives the password of %s, who logs in to web01" % account)


@contextlib.contextmanager
def account():
    """A real account with a password, which takes root to make."""
    name = "farmhand-interop"
    subprocess.run(["userdel", name], capture_output=True)
    subprocess.run(["useradd", "-M", "-d", "/tmp", "-s", "/bin/sh", name], check=True)
    try:
        subprocess.run(["chpasswd"], check=True, input="%s:%s\n" % (name, PASSWORD), text=True)
        yield name
    finally:
        subprocess.run(["userdel", name], check=True)


# Whole runs


def the_farm_applies_and_then_has_nothing_to_do(farm, servers):
    for one in servers:
        one.authorize(key(farm))
    more = {"key_file": "id", "known_hosts": farm.know(*(one.known() for one in servers))}
    farm.inventory({os.path.basename(one.folder): (one, more) for one in servers})
    for name in ("sql-master-key", "sql-master-key-backup"):
        farm.run("secret", "set", name, cwd=farm.folder, input=secrets.token_urlsafe(20) + "\n")
    farm.write("chat/large.bin", "x" * 3_000_000)
    done = farm.apply("all")
    expect(done, 0, "sql01 changed and proved", "web01 changed and proved", "web02 changed and proved")
    expect(farm.apply("all"), 0, "3 ok, 0 changed, 0 failed")
    for one in servers[:2]:
        page = subprocess.run(["find", one.host, "-name", "large.bin", "-size", "3000000c"], capture_output=True, text=True)
        assert len(page.stdout.split()) == 1, page.stdout


def a_run_logs_in_to_a_host_once(farm, servers):
    for one in servers[:2]:
        with open(os.path.join(one.folder, "sshd.log")) as log:
            logins = log.read().count("Accepted publickey")
        # Two runs, and before the first a look whether a machine key is there already.
        assert logins == 3, "%d logins" % logins


def files_went_by_sftp(farm, servers):
    for one in servers[:2]:
        with open(os.path.join(one.folder, "sshd.log")) as log:
            assert "Starting session: subsystem 'sftp'" in log.read()


def where_there_is_no_sftp_files_go_through_the_agent(farm, server):
    server.authorize(key(farm))
    more = {"key_file": "id", "known_hosts": farm.know(server.known())}
    farm.inventory({"web01": (server, more)})
    expect(farm.apply(), 0, "web01 changed and proved")
    expect(farm.apply(), 0, "1 ok, 0 changed, 0 failed")


def a_lost_answer_is_settled_by_looking(farm, servers):
    server = servers[0]
    config = os.path.join(server.host, "C", "Windows", "System32", "inetsrv", "config", "applicationHost.config")
    cut = [("reset_after_write", 0, "had been carried out"), ("reset_before_write", 4, "these are not as planned")]
    for fault, code, settled in cut:
        with open(config) as file:
            text = file.read()
        assert 'queueLength="5000"' in text
        with open(config, "w") as file:
            file.write(text.replace('queueLength="5000"', 'queueLength="4000"'))
        subprocess.run([EXAMPLE, "break", server.host, fault], check=True)
        expect(farm.apply("web01"), code, "unknown, settled", settled)
    expect(farm.apply(), 0, "1 ok, 1 changed, 0 failed")


def one_inventory_mixes_every_door(farm, server):
    """The whole playbook: SQL Server over TDS, web servers over SSH, WinRM with NTLM, and WinRM over HTTPS."""
    server.authorize(key(farm))
    os.mkdir(farm.path("lab"))
    secure = {"connection": {"scheme": "https", "auth": "basic"}}
    lab_hosts = {"sql": {"hosts": {"sql01": {"lab": {"folders": [r"E:\keys"], "sql": {"version": "2019"}}}}}, "web": {"hosts": {"web02": {}, "web03": secure}}}
    farm.write("lab/inventory.yml", json.dumps({"groups": lab_hosts}))
    ports = [word for port in ("--port", "--http-port", "--sql-port") for word in (port, "0")]
    command = [FARMHAND, "lab", "serve", "-i", farm.path("lab", "inventory.yml"), *ports]
    with open(farm.path("served.yml"), "w") as served, open(farm.path("news.txt"), "w") as news:
        lab = subprocess.Popen(command, stdout=served, stderr=news, env=farm.environment)
    try:
        for _ in range(600):
            if "serving 3 hosts" in farm.read("news.txt"):
                break
            time.sleep(0.1)
        with open(farm.path("lab", ".farmhand", "lab", "secrets", "lab-operator")) as file:
            password = file.read().strip()
        farm.inventory({"web01": (server, {"key_file": "id", "known_hosts": farm.know(server.known())})})
        inventory = json.loads(farm.read("inventory.yml"))
        for name, host in yaml.safe_load(farm.read("served.yml"))["groups"]["lab"]["hosts"].items():
            operator = {"via": "winrm", "user": r"LAB\operator", "password": "{{ secret('env:FARMHAND_LAB_PASSWORD') }}"}
            host["connection"] = {**operator, **host["connection"]}
            inventory["groups"]["sql" if name == "sql01" else "web"]["hosts"][name] = host
        farm.write("inventory.yml", json.dumps(inventory))
        doors = [host.get("connection", {}).get("scheme", host["connection"]["via"]) for host in inventory["groups"]["web"]["hosts"].values()]
        assert sorted(doors) == ["https", "ssh", "winrm"], doors
        for name in ["sql-master-key", "sql-master-key-backup"]:
            expect(farm.run("secret", "set", name, cwd=farm.folder, input="A-Password-for-%s-1\n" % name), 0)
        done = farm.apply("all", FARMHAND_LAB_PASSWORD=password)
        expect(done, 0, *["%s changed and proved" % name for name in ["sql01", "web01", "web02", "web03"]])
        expect(farm.apply("all", FARMHAND_LAB_PASSWORD=password), 0, "4 ok, 0 changed, 0 failed")
    finally:
        lab.terminate()
        lab.wait(10)


LOCAL = {"connection": {"via": "local"}}


def this_machine_is_reached_without_any_door(farm, example):
    farm.write("inventory.yml", json.dumps({"groups": {"sql": {"hosts": {}}, "web": {"hosts": {"web01": LOCAL}}}}))
    refused(farm.look(PATH="/nowhere"), "no `pwsh` on PATH")
    host = farm.path("host")
    subprocess.run([example, "host", host, "web01"], check=True)
    os.mkdir(farm.path("bin"))
    with open(farm.path("bin", "pwsh"), "w") as file:
        file.write(sshd.STAND_IN % (example, host))
    os.chmod(file.name, 0o755)
    path = farm.path("bin") + ":" + os.environ["PATH"]
    expect(farm.apply(PATH=path), 0, "web01 changed and proved")
    expect(farm.apply(PATH=path), 0, "1 ok, 0 changed, 0 failed")


def a_hundred_megabytes_arrive_whole(farm, server):
    server.authorize(key(farm))
    known = farm.know(server.known())
    files = []
    for number in range(4):
        files.append(farm.path("part%d" % number))
        with open(files[-1], "wb") as file:
            file.write(os.urandom(25 << 20))
    staging = os.path.join(server.host, "C", "farmhand", "big.partial")
    os.makedirs(staging)
    command = [EXAMPLE, "carry", "127.0.0.1:%d" % server.port, USER, farm.path("id"), known, r"C:\farmhand\big", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for file in files:
        with open(file, "rb") as sent, open(os.path.join(staging, os.path.basename(file)), "rb") as got:
            assert sent.read() == got.read(), file


def the_doctor_says_at_which_step_a_login_stops(farm, server):
    def doctor(code, *texts):
        expect(farm.run("doctor", "web01", "-i", farm.path("inventory.yml")), code, *texts)

    server.authorize(key(farm))
    farm.inventory({"web01": (server, {"key_file": "id", "known_hosts": farm.know(server.known())})})
    accepted = "passed login the key in its file was accepted; the host offers publickey"
    doctor(0, "web01 over SSH", "passed host key", accepted, "passed process", "passed agent", "passed windows", "note double hop")
    os.rename(server.powershell, server.powershell + ".gone")
    doctor(4, accepted, "failed process PowerShell ended with code 127", "powershell.exe: ", "PATH", "language mode, agent,", "`process` failed")
    os.rename(server.powershell + ".gone", server.powershell)
    key(farm, "stranger")
    farm.inventory({"web01": (server, {"key_file": "stranger", "known_hosts": farm.know(server.known()), "agent": False})})
    doctor(4, "passed host key", "failed login", "administrators_authorized_keys", "not reached process, language mode, agent,", "key file: `login` failed")
    farm.inventory({"web01": (server, {"key_file": "id", "known_hosts": farm.know()})})
    doctor(4, "passed ssh", "failed host key", server.fingerprint(), "not reached login, process, language mode,", "key file: `host key` failed")


def attempt(results, case, *given):
    name = case.__name__.replace("_", " ")
    try:
        case(*given)
    except Exception as error:
        print("FAILED  %s: %s: %s" % (name, type(error).__name__, error), flush=True)
        results.append(False)
        return
    print("ok      %s" % name, flush=True)
    results.append(True)


ONE_SERVER = [
    a_key_logs_in,
    a_key_with_a_passphrase_logs_in_and_without_it_says_so,
    an_rsa_and_an_ecdsa_key_log_in,
    a_key_that_is_not_authorized_is_refused_with_what_to_do,
    a_key_that_is_not_there_is_wrong_input,
    an_agent_logs_in,
    an_unknown_host_is_refused_and_its_line_makes_it_known,
    a_changed_host_key_is_refused_loudly,
    a_revoked_host_key_is_refused,
    a_host_known_by_its_other_key_shows_that_one,
    a_hashed_known_host_is_found,
    the_users_own_known_hosts_are_read,
    a_closed_port_and_a_server_of_another_kind_are_told_apart,
    a_host_is_reached_by_way_of_another,
    the_doctor_says_at_which_step_a_login_stops,
]


def main():
    results = []
    with tempfile.TemporaryDirectory(prefix="farmhand-ssh-") as folder:
        os.chmod(folder, 0o755)

        def farm(name):
            os.mkdir(os.path.join(folder, name))
            return Farm(os.path.join(folder, name))

        first = farm("one")
        with sshd.running(first.path("server"), EXAMPLE) as server:
            for case in ONE_SERVER:
                attempt(results, case, first, server)
        if os.geteuid() == 0:
            # With `UsePAM no` passwords are compared with /etc/shadow; with it and no `password` they are answers.
            kinds = [
                (a_password_logs_in, ["PasswordAuthentication yes"]),
                (a_password_given_as_an_answer_logs_in, ["UsePAM yes", "KbdInteractiveAuthentication yes"]),
            ]
            with account() as name:
                for number, (case, settings) in enumerate(kinds):
                    own = farm("password%d" % number)
                    with sshd.running(own.path("server"), EXAMPLE, settings) as server:
                        subprocess.run(["chown", "-R", name, server.host], check=True)
                        attempt(results, case, own, server, name)
        else:
            print("skipped passwords: they take root to make an account")
        with sshd.drives() as drives, contextlib.ExitStack() as stack:
            own = farm("farm")
            settings = ["LogLevel DEBUG"]
            servers = [
                stack.enter_context(sshd.running(own.path(name), EXAMPLE, settings, drives)) for name in ("web01", "web02", "sql01")
            ]
            attempt(results, the_farm_applies_and_then_has_nothing_to_do, own, servers)
            attempt(results, a_run_logs_in_to_a_host_once, own, servers)
            attempt(results, a_lost_answer_is_settled_by_looking, own, servers)
            if drives:
                attempt(results, files_went_by_sftp, own, servers)
                attempt(results, a_hundred_megabytes_arrive_whole, own, servers[0])
            else:
                print("skipped SFTP: a drive where Windows has it takes root")
        own = farm("without")
        with sshd.running(own.path("server"), EXAMPLE, ["Subsystem sftp /bin/false"]) as server:
            attempt(results, where_there_is_no_sftp_files_go_through_the_agent, own, server)
        own = farm("mixed")
        with sshd.running(own.path("web01"), EXAMPLE) as server:
            attempt(results, one_inventory_mixes_every_door, own, server)
        attempt(results, this_machine_is_reached_without_any_door, farm("local"), EXAMPLE)
    print("%d passed, %d failed" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
