"""Ansible's own `ansible-inventory` and `farmhand inventory` over the same inventories say the same; one that raises has failed."""

import json
import os
import random
import subprocess
import sys
import tempfile

import inventory_maker

FARMHAND = os.environ["FARMHAND"]
FOLDER = "tests/interop/inventories"
WITHHELD = "********"

# So many inventories are made by chance, the same in every run.
MADE = 10

# Values as INI has them; each is a literal of Python or a text.
VALUES = """5 -5 +5 0 00 007 1_000 1__0 0x1F 0o17 0b101 1e3 1.50 .5 5. True False None true yes
'5' "a'b" 'a' 'b' 'tab\\there' CORP\\x 'CORP\\\\x' [] [1,] [1,'a',[None]] (1) (1,) () 1,2 {'a':1} {'a':{'b':[1,2]}} {1:2} {} {1,2}
[1 {'a' 'open 10.0.0.1 1-2 1+2 a=b {{x}} "{{ x }}" é '\\u00e9' '\\x41' # ... -""".split()

# Scalars as YAML has them; Ansible reads YAML 1.1.
SCALARS = """5 -5 +5 0 007 0777 089 0x1F 0o17 0b101 1_000 1e3 1.0e+3 1.5 .5 5. 12:30 1:2:3 12:75 yes No on OFF y n
true False ~ null '5' "yes" 10.0.0.1 1.2.3 CORP\\x a#b é - 1__0 _1 0x 1e+3 2026-01-02""".split()


def said(*command):
    environment = dict(os.environ, ANSIBLE_LOCALHOST_WARNING="0", ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="1", NO_COLOR="1")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, "%s: %s" % (command, done.stderr)
    return done.stdout


def listed(path, *more):
    theirs = json.loads(said("ansible-inventory", "-i", path, "--list", *more))
    ours = json.loads(said(FARMHAND, "inventory", "-i", path, "--list", *more))
    theirs["_meta"].pop("profile", None)
    for host, variables in ours["_meta"]["hostvars"].items():
        # A secret in the open is not shown; that it is there is.
        for name, value in variables.items():
            if value == WITHHELD:
                assert name in theirs["_meta"]["hostvars"][host], name
                theirs["_meta"]["hostvars"][host][name] = WITHHELD
    return plain(theirs), ours


def plain(value):
    """Texts that are no templates are marked as such by Ansible."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {key: plain(it) for key, it in value.items()}
    return [plain(it) for it in value] if isinstance(value, list) else value


def same(path, *more):
    theirs, ours = listed(path, *more)
    for part in sorted(set(theirs) | set(ours)):
        if part != "_meta":
            assert theirs.get(part) == ours.get(part), "%s: %r is %r" % (part, theirs.get(part), ours.get(part))
    theirs, ours = theirs["_meta"]["hostvars"], ours["_meta"]["hostvars"]
    assert sorted(theirs) == sorted(ours), "%r is %r" % (sorted(theirs), sorted(ours))
    for host in theirs:
        names = sorted(set(theirs[host]) | set(ours[host]))
        wrong = [(name, theirs[host].get(name), ours[host].get(name)) for name in names]
        wrong = [it for it in wrong if json.dumps(it[1]) != json.dumps(it[2]) and it[1] != it[2] or type(it[1]) is not type(it[2])]
        assert not wrong, "%s: %r" % (host, wrong)
    if not more:
        assert said("ansible-inventory", "-i", path, "--graph") == said(FARMHAND, "inventory", "-i", path, "--graph")


def ini_says_the_same():
    same(FOLDER + "/plain.d/hosts.ini")


def yaml_says_the_same():
    same(FOLDER + "/nested/hosts.yml")


def a_folder_with_group_vars_and_host_vars_says_the_same():
    same(FOLDER + "/folder")


def spellings_in_the_wild_say_the_same():
    same(FOLDER + "/wild/hosts")


def limits_say_the_same():
    for pattern in ("web", "~web0[12]", "web:!~web0[12]", "farm:&~sql", "~(alone|sql)", "web[0]", "all:!farm", "ungrouped"):
        same(FOLDER + "/nested/hosts.yml", "--limit", pattern)


def odd_values_in_ini_say_the_same():
    # Ansible's own splitting of a line of hosts takes quotes away; a section of variables keeps them.
    lines = ["web01", "[all:vars]"] + ["v%d = %s" % (number, value) for number, value in enumerate(VALUES)]
    lines += ["[web]", "web02 " + " ".join("h%d=%s" % (n, v) for n, v in enumerate(VALUES) if "'" not in v and '"' not in v and "#" not in v)]
    written("hosts", "\n".join(lines) + "\n")


def odd_scalars_in_yaml_say_the_same():
    lines = ["all:", "  hosts:", "    web01:"] + ["      v%d: %s" % (number, value) for number, value in enumerate(SCALARS) if value != "-"]
    written("hosts.yml", "\n".join(lines) + "\n")


def groups_called_as_keys_of_farmhand_say_the_same():
    same(FOLDER + "/named/hosts.yml")


def the_order_of_hosts_and_groups_is_the_same():
    same(FOLDER + "/order/hosts")
    for pattern in ("farm[0]", "farm[1:3]", "all[0:2]", "web[-1]"):
        same(FOLDER + "/order/hosts", "--limit", pattern)


def inventories_made_by_chance_say_the_same():
    for seed in range(MADE):
        with tempfile.TemporaryDirectory() as folder:
            path = inventory_maker.make(random.Random(seed), folder)
            try:
                same(path, "--limit", "all")
            except AssertionError as error:
                raise AssertionError("seed %d: %s" % (seed, error))


def written(name, text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.write(text)
        same(path)


CASES = [
    ini_says_the_same,
    yaml_says_the_same,
    a_folder_with_group_vars_and_host_vars_says_the_same,
    spellings_in_the_wild_say_the_same,
    limits_say_the_same,
    odd_values_in_ini_say_the_same,
    odd_scalars_in_yaml_say_the_same,
    groups_called_as_keys_of_farmhand_say_the_same,
    the_order_of_hosts_and_groups_is_the_same,
    inventories_made_by_chance_say_the_same,
]


def main():
    results = []
    for case in CASES:
        name = case.__name__.replace("_", " ")
        try:
            case()
            results.append(True)
            print("ok      %s" % name, flush=True)
        except Exception as error:
            results.append(False)
            print("FAILED  %s: %s: %s" % (name, type(error).__name__, error), flush=True)
    print("%d passed, %d failed" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
