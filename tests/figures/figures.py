"""Runs the release build against labs of growing size and prints what it took."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from delivery import delivery
from doors import doors

FARMHAND = os.path.abspath(sys.argv[1])
HOSTS = [50, 100, 200, 1000]
MOST_MEMORY_MIB = 512
MOST_VALIDATE = 3.0
# A host of a farm twenty times as large may take this many times the processor time.
MOST_GROWTH = 2.0

INVENTORY = """\
groups:
  web:
    hosts: { "web[0001:%04d]": {} }
    connection: { via: winrm, user: 'CORP\\deploy', password: "{{ secret('deploy') }}" }
"""


def run(folder, *arguments):
    """Wall seconds, processor seconds, peak memory in MiB, exit code and what was printed."""
    with open(folder / "out.txt", "w+") as out:
        began = time.monotonic()
        process = subprocess.Popen([FARMHAND, *arguments], cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        work = usage.ru_utime + usage.ru_stime
        return seconds, work, usage.ru_maxrss / 1024, process.returncode, out.read()


def growth(root):
    """A no-op run over farms of each size."""
    wrong = []
    per_host = {}
    print("hosts  no-op seconds  processor ms a host  peak MiB")
    for hosts in HOSTS:
        folder = root / str(hosts)
        folder.mkdir()
        # Hosts are worked on side by side, as many as `forks` allows.
        # The farms here have web servers alone.
        before, rest = pathlib.Path("playbooks/signalr-farm.yml").read_text().split("  - name: Backplane\n")
        playbook = before + rest[rest.index("  - name: Web servers\n"):].replace("    serial: 1\n", "")
        (folder / "site.yml").write_text(playbook)
        shutil.copytree("playbooks/chat", folder / "chat")
        (folder / "inventory.yml").write_text(INVENTORY % hosts)
        for expected in ["%d changed, 0 failed" % hosts, "%d ok, 0 changed, 0 failed" % hosts]:
            seconds, work, memory, code, text = run(folder, "--lab", "apply", "site.yml", "--yes")
            if code != 0 or expected not in text:
                wrong.append("%d hosts: exit %d, not `%s`: %s" % (hosts, code, expected, text[-300:]))
        # Processor time: what else runs on the machine counts less in it.
        per_host[hosts] = work / hosts
        print("%5d  %13.2f  %19.2f  %8.0f" % (hosts, seconds, 1000 * work / hosts, memory))
        if memory >= MOST_MEMORY_MIB:
            wrong.append("%d hosts took %.0f MiB" % (hosts, memory))
    if per_host[HOSTS[-1]] > MOST_GROWTH * per_host[HOSTS[0]]:
        wrong.append("a host of a large farm takes longer than a host of a small one")
    return wrong


def validate(root):
    """`validate` against `--version`, taking turns: the quickest of each, which other work on the machine slowed least."""
    folder = root / "validate"
    shutil.copytree("playbooks", folder, ignore=shutil.ignore_patterns(".farmhand"))
    versions, validates = [], []
    for _ in range(40):
        versions.append(run(folder, "--version")[0])
        seconds, _, _, code, text = run(folder, "--lab", "validate", "signalr-farm.yml")
        if code != 0:
            return ["validate fails: " + text]
        validates.append(seconds)
    ratio = min(validates) / min(versions)
    print("validate / --version: %.2f (bar %.1f)" % (ratio, MOST_VALIDATE))
    return ["validate takes %.2f times as long as --version" % ratio] if ratio > MOST_VALIDATE else []


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    wrong = growth(root) + validate(root) + doors(run, root) + delivery(run, root)
for line in wrong:
    print("wrong: " + line)
sys.exit(bool(wrong))
