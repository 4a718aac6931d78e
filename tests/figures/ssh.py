"""What farmhand over SSH costs: files against scp, and a run that changes nothing in round trips and bytes."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests/interop")
import sshd

FARMHAND, EXAMPLE = (os.path.abspath(path) for path in sys.argv[1:3])
USER = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
BYTES = 100 * 1000 * 1000
PARTS = 4
ROUND_TRIPS_MS = [0, 20]
ROUNDS = 5
# One file against scp's one, in the same run: so many times as long at the most.
MOST_AGAINST_SCP = 1.75
# Round trips of a run that changes nothing, from the first byte to the last, log-in included.
MOST_ROUND_TRIPS = 25


def timed(command, **more):
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, **more)
    return time.monotonic() - began, done


def uploads(root, server, key):
    """Seconds for 100 MB by scp, by farmhand, and by farmhand in four files, each the quickest of five by turns."""
    wrong = []
    whole = root / "whole"
    whole.write_bytes(os.urandom(BYTES))
    parts = []
    for number in range(PARTS):
        parts.append(root / ("part%d" % number))
        parts[-1].write_bytes(os.urandom(BYTES // PARTS))
    staging = pathlib.Path(server.host, "C", "farmhand", "figures.partial")
    print("round trip  scp s  farmhand s  ratio  in %d files s  ratio" % PARTS)
    for round_trip_ms in ROUND_TRIPS_MS:
        proxy = sshd.Proxy(server.port, round_trip_ms / 2000)
        known = root / ("known%d" % round_trip_ms)
        known.write_text(server.known(port=proxy.port))
        options = ["-q", "-o", "UserKnownHostsFile=%s" % known, "-o", "StrictHostKeyChecking=yes", "-i", key]
        scp = ["scp", *options, "-P", str(proxy.port), str(whole), "%s@127.0.0.1:%s" % (USER, root / "copy")]
        carry = [EXAMPLE, "carry", "127.0.0.1:%d" % proxy.port, USER, key, str(known), r"C:\farmhand\figures"]
        best = {}
        for _ in range(ROUNDS):
            for name, command in [("scp", scp), ("one", [*carry, str(whole)]), ("four", [*carry, *map(str, parts)])]:
                shutil.rmtree(staging, ignore_errors=True)
                staging.mkdir(parents=True)
                seconds, done = timed(command)
                if done.returncode != 0:
                    return ["%s: exit %d: %s" % (name, done.returncode, done.stdout[-500:])]
                for sent in {"scp": [], "one": [whole], "four": parts}[name]:
                    if (staging / sent.name).read_bytes() != sent.read_bytes():
                        return ["%s did not arrive whole" % sent.name]
                best[name] = min(seconds, best.get(name, seconds))
        proxy.close()
        one, four = best["one"] / best["scp"], best["four"] / best["scp"]
        print("%7d ms  %5.2f  %10.2f  %5.2f  %14.2f  %5.2f" % (round_trip_ms, best["scp"], best["one"], one, best["four"], four))
        if one > MOST_AGAINST_SCP:
            wrong.append("at %d ms 100 MB take %.2f times as long as with scp" % (round_trip_ms, one))
    return wrong


def quiet_run(root, server, key):
    """A run that changes nothing: what farmhand counts, what a proxy counts, and round trips as time that delay adds."""
    folder = root / "farm"
    shutil.copytree("playbooks", folder, ignore=shutil.ignore_patterns(".farmhand", "secrets"))
    environment = {**os.environ, "HOME": str(folder), "NO_COLOR": "1"}
    environment.pop("SSH_AUTH_SOCK", None)

    def farmhand(*arguments, **more):
        return timed([FARMHAND, *arguments], cwd=folder, env=environment, **more)

    farmhand("secret", "init")
    farmhand("secret", "set", "svc-chat", input="hunter2\n")
    seconds, counted = {}, {}
    for round_trip_ms in ROUND_TRIPS_MS:
        proxy = sshd.Proxy(server.port, round_trip_ms / 2000)
        (folder / "known_hosts").write_text(server.known(port=proxy.port))
        ssh = {"via": "ssh", "user": USER, "port": proxy.port, "key_file": key, "known_hosts": "known_hosts"}
        host = {"address": "127.0.0.1", "connection": {**ssh, "agent": False}}
        (folder / "inventory.yml").write_text(json.dumps({"groups": {"sql": {"hosts": {}}, "web": {"hosts": {"web01": host}}}}))
        _, done = farmhand("apply", "signalr-farm.yml", "--limit", "web", "--yes")
        if done.returncode != 0:
            return ["the run over SSH: exit %d: %s" % (done.returncode, done.stdout[-500:])]
        for _ in range(ROUNDS):
            before = proxy.up, proxy.down
            took, done = farmhand("apply", "signalr-farm.yml", "--limit", "web", "--yes", "--json")
            host = json.loads(done.stdout[done.stdout.index("{") :])["hosts"][0]
            if host["status"] != "ok":
                return ["a second run over SSH changes something: %s" % done.stdout[-500:]]
            seconds[round_trip_ms] = min(took, seconds.get(round_trip_ms, took))
            counted = {**host["traffic"], "wire_up": proxy.up - before[0], "wire_down": proxy.down - before[1]}
        proxy.close()
    near, far = (seconds[ms] for ms in ROUND_TRIPS_MS)
    trips = (far - near) * 1000 / (ROUND_TRIPS_MS[1] - ROUND_TRIPS_MS[0])
    print(
        "no-op run over SSH: %(requests)d requests, %(processes)d process, %(bytes_up)d bytes up and %(bytes_down)d down "
        "in the channel, %(wire_up)d and %(wire_down)d on the wire;" % counted,
        "%.1f round trips (bar %d)" % (trips, MOST_ROUND_TRIPS),
    )
    return ["a no-op run over SSH takes %.1f round trips" % trips] if trips > MOST_ROUND_TRIPS else []


def main():
    with tempfile.TemporaryDirectory(prefix="farmhand-ssh-") as name, sshd.drives() as drives:
        if not drives:
            print("skipped the figures of SSH: a drive where Windows has it takes root")
            return 0
        root = pathlib.Path(name)
        with sshd.running(str(root / "web01"), EXAMPLE, (), drives) as server:
            key = sshd.keygen(str(root / "id"))
            server.authorize(key)
            wrong = uploads(root, server, key) + quiet_run(root, server, key)
    for line in wrong:
        print("wrong: " + line)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
