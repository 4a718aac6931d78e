"""What it takes to deliver a release of 200 MB, and to deliver it again when one file of 50 KB has changed."""

import random
import shutil
import subprocess
import time

from applied import applied

RELEASE_BYTES = 200 * 1000 * 1000
FILES = 2000
CHANGED_BYTES = 50 * 1000
# Of the release's bytes, on the wire in both directions, when the one file has changed.
MOST_AGAIN = 0.01

PLAYBOOK = """\
plays:
  - hosts: web01
    steps:
      - windows_feature: { names: [Web-Server, Web-Asp-Net45] }
      - iis_site: { name: Chat, pool: DefaultAppPool, bindings: [{ http: "*:80:chat.example.com" }], state: started }
      - app_release: { site: Chat, package: package }
"""
INVENTORY = """\
groups:
  web:
    hosts: { web01: {} }
    connection: { via: winrm, user: 'CORP\\deploy', password: "{{ secret('deploy') }}" }
"""


def sizes(seeded):
    """Sizes as builds of .NET have them: most files are small, and a few are most of the bytes."""
    drawn = [seeded.lognormvariate(0, 2) for _ in range(FILES - 1)]
    scale = (RELEASE_BYTES - CHANGED_BYTES) / sum(drawn)
    found = [max(1, int(size * scale)) for size in drawn]
    found[found.index(max(found))] += RELEASE_BYTES - CHANGED_BYTES - sum(found)
    return found


def make(folder):
    """A release of incompressible bytes, the same in every run."""
    seeded = random.Random(200)
    kinds = [("bin", "dll"), ("bin/runtimes/win/lib", "dll"), ("Content/images", "png"), ("Scripts", "js")]
    for number, size in enumerate(sizes(seeded)):
        below, extension = kinds[number % len(kinds)]
        (folder / below).mkdir(parents=True, exist_ok=True)
        (folder / below / ("File%04d.%s" % (number, extension))).write_bytes(seeded.randbytes(size))
    (folder / "bin/App.dll").write_bytes(seeded.randbytes(CHANGED_BYTES))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == FILES and sum(path.stat().st_size for path in files) == RELEASE_BYTES
    return files


def told(what, done):
    up, down, requests = done.traffic["bytes_up"], done.traffic["bytes_down"], done.traffic["requests"]
    print(
        "%s: %.1f s (processor %.1f s), %d requests, %d bytes up (%.3f of the release's), %d down, peak %.0f MiB"
        % (what, done.seconds, done.processor_seconds, requests, up, up / RELEASE_BYTES, down, done.memory_mib)
    )


def against_a_copy(root, package):
    """Seconds of the same bytes copied and hashed on the same disk."""
    began = time.monotonic()
    shutil.copytree(package, root / "copy")
    subprocess.run(["sh", "-c", "find copy -type f -exec sha256sum {} + > copy.sums"], cwd=root, check=True)
    return time.monotonic() - began


def delivery(run, root):
    """First delivery to one host, the same bytes as one file, and one changed file."""
    folder = root / "delivery"
    package = folder / "package"
    package.mkdir(parents=True)
    files = make(package)
    # The same bytes as one file: a plain copy through the same connection, without what many files add.
    plain = root / "plain"
    (plain / "package").mkdir(parents=True)
    with open(plain / "package/all.bin", "wb") as whole:
        for path in sorted(files):
            whole.write(path.read_bytes())
    for where in (folder, plain):
        (where / "site.yml").write_text(PLAYBOOK)
        (where / "inventory.yml").write_text(INVENTORY)
    sizes_told = sorted(path.stat().st_size for path in files)
    print(
        "release: %d files, %d bytes, half of them below %d bytes, the largest %d"
        % (FILES, RELEASE_BYTES, sizes_told[FILES // 2], sizes_told[-1])
    )
    results = {}
    for what, where in [("one file", plain), ("first delivery", folder)]:
        results[what], wrong = applied(run, where, "changed")
        if wrong:
            return ["%s: %s" % (what, wrong)]
        told(what, results[what])
    copied = against_a_copy(root, package)
    first = results["first delivery"].seconds
    print("first delivery / the same bytes as one file: %.2f" % (first / results["one file"].seconds))
    print("first delivery / cp and sha256sum (%.1f s): %.1f" % (copied, first / copied))
    (package / "bin/App.dll").write_bytes(random.Random(50).randbytes(CHANGED_BYTES))
    again, wrong = applied(run, folder, "changed")
    if wrong:
        return ["second delivery: " + wrong]
    told("one file of %d bytes changed" % CHANGED_BYTES, again)
    share = (again.traffic["bytes_up"] + again.traffic["bytes_down"]) / RELEASE_BYTES
    print("on the wire again: %.3f %% of the release (bar %.0f %%)" % (100 * share, 100 * MOST_AGAIN))
    if share >= MOST_AGAIN:
        return ["one changed file costs %.2f %% of the release on the wire" % (100 * share)]
    return []
