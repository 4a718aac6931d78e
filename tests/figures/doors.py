"""What each door to a host costs: a run that changes nothing, and 20 MB sent through it."""

import json
import random
import shutil

from applied import applied

PAYLOAD_BYTES = 20 * 1000 * 1000
# Requests of a run that changes nothing, log-in included.
MOST_REQUESTS = {"ntlm over http": 8, "negotiate over http": 8, "ntlm over https": 8, "basic over https": 6, "a certificate over https": 6}
# Bytes up for each byte of the payload: Base64 twice, and what is around it.
MOST_OVERHEAD = 1.85

CONNECTIONS = {
    "ntlm over http": {},
    "negotiate over http": {"auth": "negotiate"},
    "ntlm over https": {"scheme": "https"},
    "basic over https": {"scheme": "https", "auth": "basic"},
    "a certificate over https": {"scheme": "https", "auth": "certificate", "certificate": "me.pem", "certificate_key": "me.key"},
}

PLAYBOOK = """\
plays:
  - hosts: web01
    steps:
      - windows_feature: { names: [Web-Server, Web-Asp-Net45] }
      - iis_site: { name: Chat, pool: DefaultAppPool, bindings: [{ http: "*:80:chat.example.com" }], state: started }
"""
DELIVERY = "      - app_release: { site: Chat, package: package }\n"


def doors(run, root):
    """A no-op run and a delivery over each door."""
    package = root / "payload"
    package.mkdir()
    seeded = random.Random(20)
    for number in range(20):
        (package / ("File%02d.dll" % number)).write_bytes(seeded.randbytes(PAYLOAD_BYTES // 20))
    wrong = []
    print("door                       no-op requests  bytes up  down   20 MB requests  bytes up, of the payload's")
    for name, connection in CONNECTIONS.items():
        folder = root / name.replace(" ", "-")
        folder.mkdir()
        account = {"user": "CORP\\deploy", "password": "{{ secret('deploy') }}"} if "certificate" not in connection else {}
        hosts = {"web01": {"connection": {"via": "winrm", **account, **connection}}}
        (folder / "inventory.yml").write_text(json.dumps({"groups": {"web": {"hosts": hosts}}}))
        shutil.copytree(package, folder / "package")
        seen = []
        for playbook, status in [(PLAYBOOK, "changed"), (PLAYBOOK, "ok"), (PLAYBOOK + DELIVERY, "changed")]:
            (folder / "site.yml").write_text(playbook)
            done, why = applied(run, folder, status)
            if why:
                return wrong + ["%s: %s" % (name, why)]
            seen.append(done.traffic)
        _, quiet, sent = seen
        share = sent["bytes_up"] / PAYLOAD_BYTES
        print(
            "%-25s  %14d  %8d  %5d  %15d  %8d, %.3f"
            % (name, quiet["requests"], quiet["bytes_up"], quiet["bytes_down"], sent["requests"], sent["bytes_up"], share)
        )
        if quiet["requests"] > MOST_REQUESTS[name]:
            wrong.append("%s: a run that changes nothing takes %d requests" % (name, quiet["requests"]))
        if share > MOST_OVERHEAD:
            wrong.append("%s: 20 MB cost %.2f times as many bytes" % (name, share))
    return wrong
