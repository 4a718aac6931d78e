"""What one host of a lab says of an `apply`."""

import json
import typing


class Applied(typing.NamedTuple):
    seconds: float
    processor_seconds: float
    memory_mib: float
    # `requests`, `bytes_up`, `bytes_down`.
    traffic: dict


def applied(run, folder, status):
    """`site.yml` in a folder applied to its lab; the reason where its host did not end with that status."""
    seconds, work, memory, code, text = run(folder, "--lab", "apply", "site.yml", "--yes", "--json")
    start = text.find("{")
    host = json.loads(text[start:])["hosts"][0] if code == 0 and start >= 0 else {}
    if host.get("status") != status:
        return None, "exit %d, not %s: %s" % (code, status, text[-500:])
    return Applied(seconds, work, memory, host["traffic"]), None
