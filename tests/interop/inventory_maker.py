"""Inventories of Ansible's as people write them, made by chance from a seed."""

import json
import os

HOSTS = ["web01", "web02", "sql01", "WEB03", "app-1.example.com", "10.0.0.7", "db_1", "web[01:03]", "n[1:5:2]", "r[a:c]", "a[1:2]b[x:y]", "h[:2]", "h[08:10].example.com"]
PORTED = ["web01:5986", "web02:22", "web[01:02]:5985", "[fe80::1]:22", "fd00::12", "10.0.0.8:2222", "localhost", "[sql09]:99"]
GROUPS = ["web", "sql", "prod", "front-end", "iis.v8", "a", "b", "z1", "UPPER", "farm"]
NAMES = ["port", "color", "app_name", "x", "list", "flag", "path", "y", "ansible_user", "ansible_host", "ansible_port", "ansible_winrm_scheme"]
MEANT = {"ansible_user": ["ops", "CORP\\\\ops", "ops@CORP.EXAMPLE.COM"], "ansible_host": ["10.1.2.3", "h.example.com"], "ansible_port": ["5986", "22", "'5985'", '"5986"'], "ansible_winrm_scheme": ["http", "https"]}
BARE = r"""5 -5 0 00 007 1_000 0x1F 0o17 0b11 1e3 1.50 .5 5. 12345678901234567890 True False None true no yes null ~ abc CORP\deploy CORP\\deploy C:\\temp /srv/x a=b a==b
10.0.0.1 1.2.3 1-2 a:b x;y {{x}} é [] [1,2] (1,2) (1) 1,2 {} {1:2} {1,2} ... - -- !x @x %d$ a,b 2026-01-02 12:30 0xZZ __import__ b'x' r'x' +5 --5 -0 -0.0 1if u'x' True,False""".split()
QUOTED = ["'a b'", '"a b"', "'5'", '"5"', "'a # b'", '"a = b"', "'it''s'", '"a\\"b"', "'[1, 2]'", "\"{'a': 1}\"", '"[\'x\', 2]"', "' lead'", "''", '""', "'C:\\temp\\n'", '"C:\\temp"', "'None'", "'{{ x }}'", "a' 'b", "'é'", '"\'5\'"', "\"'a'\"", '"1 2"', "'x' ", "'a;b'"]
LONG = ["a b c", "a # b", "a # b # c", "5 # five", "'a' # b", "'a b'", '"a b"', "[1, 'a', None]", "{'a': {'b': [1, 2.5, True]}}", "a ; b", "5 ; x", "#x", "[1, 2", "a 'b' c", "'it''s'", "'a' 'b'", '"a" + "b"', "1 + 2", "not True", "[True, 'x'] # y", "(1, 2)", "{{ x }} y", "C:\\temp\\new", "'C:\\temp\\new'", "'tab\\tx'", "'\\x41\\u00e9\\101\\7'", "r'\\n'", "\"\"\"a\"\"\"", "{'a': 1, 'a': 2}", "{None: 1, True: 2, 1.5: 3}", "1 if x", "{1: 'a', 2: 'b'}", "[1,2,]", "[,]", "1__0", "0_0", "1_", "0777", "1e", "1e5", "1.e5", "1_0.0_1", "\"x\\\ny\""]


def ini_value(seeded, line, name):
    """A value of a line of hosts, or of a section of variables."""
    if name in MEANT:
        return seeded.choice(MEANT[name])
    kinds = [BARE, QUOTED] if line else [BARE, LONG, QUOTED]
    return seeded.choice(seeded.choice(kinds))


def ini(seeded, groups):
    """Sections in any order; what `[x:vars]` and `[x:children]` name is there."""
    lines = []
    blank = lambda: seeded.choice(["", "", "", "# comment", "; comment", "  # indented", "\t"])
    for _ in range(seeded.randint(0, 3)):
        lines.append(host_line(seeded))
    sections = []
    for group in groups:
        sections.append(["[%s]%s" % (group, seeded.choice(["", "", " ", "  # c", "#c"]))] + [host_line(seeded) for _ in range(seeded.randint(0, 3))])
        if seeded.random() < 0.5:
            sections.append(["[%s:vars]" % group] + [variable_line(seeded) for _ in range(seeded.randint(0, 3))])
    for at, group in enumerate(groups):
        if at and seeded.random() < 0.5:
            below = seeded.sample(groups[:at], seeded.randint(1, min(2, at)))
            sections.append(["[%s:children]" % group] + [name + seeded.choice(["", "", " # c", "  "]) for name in below])
    if seeded.random() < 0.5:
        sections.append(["[all:vars]"] + [variable_line(seeded) for _ in range(seeded.randint(1, 3))])
    if seeded.random() < 0.2:
        sections.append(["[all:children]", seeded.choice(groups)])
    if seeded.random() < 0.2:
        sections.append(["[ungrouped]", host_line(seeded)])
    if seeded.random() < 0.1:
        sections.append(["[all]", host_line(seeded)])
    if seeded.random() < 0.2:
        sections.append(["[%s]" % seeded.choice(groups), host_line(seeded)])
    seeded.shuffle(sections)
    for section in sections:
        lines += [blank()] + [seeded.choice(["", "", "", "  "]) + line for line in section]
    end = seeded.choice(["\n", "\n", "\r\n"])
    return end.join(lines) + seeded.choice(["", end])


def host_line(seeded):
    name = seeded.choice(HOSTS if seeded.random() < 0.8 else PORTED)
    words = ["%s=%s" % (name, ini_value(seeded, True, name)) for name in seeded.choices(NAMES, k=3)][: seeded.choice([0, 0, 1, 2, 3])]
    if seeded.random() < 0.05:
        words.append("ansible_group_priority=%d" % seeded.randint(0, 3))
    return seeded.choice([" ", "  ", "\t"]).join([name] + words) + seeded.choice(["", "", "", " # said", " #said", "#x"])


def variable_line(seeded):
    if seeded.random() < 0.1:
        return "ansible_group_priority=%d" % seeded.randint(-1, 12)
    name = seeded.choice(NAMES)
    return name + seeded.choice(["=", " = ", "= ", " ="]) + ini_value(seeded, False, name)


SCALARS = [line.strip() for line in r"""5 | -5 | +5 | 0 | 007 | 0777 | 089 | 0x1F | 0o17 | 0b101 | 1_000 | 1e3 | 1.0e+3 | 1.5 | .5 | 5. | 12:30 | 12:75 | yes | No | on | OFF | y | n | Y | true | False | TRUE | ~ | null | Null | '5' | "yes" | 10.0.0.1
CORP\x | "CORP\\x" | a#b | a # b | é | 2026-01-02 | 'it''s' | "a\tb" | "{{ x }}" | '{{ x }}' | [] | {} | [1, a, yes] | {a: 1, b: [x, ~]} | a b c | "\u00e9" | 1__0 | 0x | "5" | '' | "" | -0 | -0.0 | 1.0 | 0.1e-2 | 12345678901234567890 | 0x_1 | 1_000.5 | "a: b" | a:b | http://x/y | C:\temp | 'C:\temp' | !!str 5 | !unsafe x{{y}} | 1:2:3 | 00:10 | [1, [2, {a: b}]] | &anchor x | 0o8 | 08 | 0.0 | 2026-01-02T10:00:00 | 10:00:00 | +.5 | 6.8523015e+5 | 685_230.15 | 0b_1 | 1e+5 | 5e-1 | "yes "
null # x | "\x41" | 'a"b' | yes please""".replace("\n", " | ").split(" | ")]
BLOCKS = ["|\n{0}  one\n{0}  two", ">\n{0}  one\n{0}  two", "|-\n{0}  one", "\n{0}  - 1\n{0}  - b: yes", "\n{0}  k: 1\n{0}  l: off", ">-\n{0}  a\n\n{0}  b"]


def yaml(seeded, groups):
    """Groups at the top, or all of them below `all`."""
    tree = {}
    for at, group in enumerate(groups):
        tree[group] = seeded.sample(groups[:at], seeded.randint(0, min(2, at)))
    lines = seeded.choice([[], ["---"], ["# farm", "---"]])[:]
    if seeded.random() < 0.6:
        lines.append("all:")
        body = []
        if seeded.random() < 0.5:
            body += yaml_vars(seeded, 2)
        if seeded.random() < 0.5:
            body += yaml_hosts(seeded, 2)
        body.append("  children:")
        tops = seeded.sample(groups, seeded.randint(1, len(groups)))
        for group in tops:
            body += yaml_group(seeded, tree, group, 4, 0)
        lines += body
        rest = [group for group in groups if seeded.random() < 0.4]
    else:
        rest = groups
    for group in rest:
        lines += yaml_group(seeded, tree, group, 0, 0)
    return "\n".join(lines) + "\n"


def yaml_key(seeded, name):
    if name.startswith("[") or ":" in name or name[0].isdigit():
        return seeded.choice(["'%s'", '"%s"']) % name
    return seeded.choice(["%s", "%s", "%s", "'%s'", '"%s"']) % name


def yaml_group(seeded, tree, group, indent, depth):
    pad = " " * indent
    lines = [pad + yaml_key(seeded, group) + ":"]
    body = []
    if seeded.random() < 0.6:
        body.append(yaml_hosts(seeded, indent + 2))
    if seeded.random() < 0.5:
        body.append(yaml_vars(seeded, indent + 2))
    if tree[group] and depth < 3:
        below = [pad + "  children:"]
        for child in tree[group]:
            below += yaml_group(seeded, tree, child, indent + 4, depth + 1)
        body.append(below)
    elif seeded.random() < 0.1:
        body.append([pad + "  children:"])
    if not body and indent == 0:
        # A file with groups of nothing alone could be anything.
        body.append(yaml_hosts(seeded, indent + 2))
    seeded.shuffle(body)
    lines += [line for part in body for line in part]
    if not body and seeded.random() < 0.5:
        lines[0] += seeded.choice([" {}", " ~", " null"])
    return lines


def yaml_hosts(seeded, indent):
    pad = " " * indent
    if seeded.random() < 0.1:
        return [pad + "hosts: " + yaml_key(seeded, seeded.choice(HOSTS))]
    lines = [pad + "hosts:"]
    names = seeded.sample(HOSTS + PORTED, seeded.randint(0, 3))
    for name in names:
        line = pad + "  " + yaml_key(seeded, name) + ":"
        pairs = seeded.sample(NAMES, seeded.choice([0, 0, 1, 2]))
        if not pairs:
            line += seeded.choice(["", "", " {}", " null", " ~"])
        lines.append(line)
        for key in pairs:
            lines += yaml_pair(seeded, key, indent + 4)
    return lines


def yaml_vars(seeded, indent):
    lines = [" " * indent + "vars:"]
    pairs = seeded.sample(NAMES, seeded.randint(1, 3))
    for key in pairs:
        lines += yaml_pair(seeded, key, indent + 2)
    if seeded.random() < 0.15:
        lines.append(" " * (indent + 2) + "ansible_group_priority: " + seeded.choice(["5", "0", "10", "'7'"]))
    return lines


def yaml_pair(seeded, key, indent):
    pad = " " * indent
    value = seeded.choice(BLOCKS).format(pad) if seeded.random() < 0.15 else seeded.choice(SCALARS)
    value = seeded.choice(MEANT[key]) if key in MEANT else value
    return [pad + key + ":" + ("" if value.startswith("\n") else " ") + value]


def vars_file(seeded, name):
    if name.endswith(".json"):
        return json.dumps({key: seeded.choice([1, "x", True, None, [1], {"a": "b"}, 1.5]) for key in seeded.sample(NAMES[:8], 2)})
    if seeded.random() < 0.1:
        return seeded.choice(["", "---\n", "# nothing\n", "{}\n"])
    lines = ["---"] if seeded.random() < 0.5 else []
    for key in seeded.sample(NAMES, seeded.randint(1, 3)):
        lines += yaml_pair(seeded, key, 0)
    return "\n".join(lines) + "\n"


def beside(seeded, root, groups):
    """group_vars and host_vars in their spellings."""
    hosts = ["web01", "web02", "sql01", "n3", "h09.example.com", "app-1.example.com", "10.0.0.7"]
    for kind, names in (("group_vars", groups + ["all", "ungrouped", "nobody"]), ("host_vars", hosts)):
        for name in names:
            if seeded.random() > 0.25:
                continue
            spelling = seeded.choice(["{}.yml", "{}.yaml", "{}.json", "{}", "{}/", "{}/"])
            files = [spelling.format(name)]
            if spelling == "{}/":
                files = [name + "/" + it for it in seeded.sample(["10.yml", "20.yaml", "a", "b.json", ".hidden.yml", "x.yml~", "n.txt", "sub/z.yml", "sub.d/q.yml", "a.yml.bak", "vars.yml"], seeded.randint(1, 4))]
            elif seeded.random() < 0.2:
                files.append("%s.%s" % (name, seeded.choice(["yml", "yaml", "json"])))
            for file in files:
                write(os.path.join(root, kind, file), vars_file(seeded, file))


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="") as file:
        file.write(text)


def make(seeded, root):
    """An inventory in a folder; what `-i` takes."""
    groups = seeded.sample(GROUPS, seeded.randint(1, 5))
    kind = seeded.choice(["ini", "ini", "yaml", "yaml", "folder"])
    if kind == "ini":
        path = os.path.join(root, seeded.choice(["hosts", "hosts.ini", "inventory", "prod.inv", "hosts.cfg"]))
        write(path, ini(seeded, groups))
    elif kind == "yaml":
        path = os.path.join(root, seeded.choice(["hosts.yml", "hosts.yaml", "inventory.yml", "hosts"]))
        write(path, yaml(seeded, groups))
    else:
        path = os.path.join(root, "inv")
        root = path
        write(os.path.join(path, "00-hosts"), ini(seeded, groups))
        for name in seeded.sample(["01-a", "02-b.ini", "03.yml", "z.yaml", "hosts", "old.bak", "readme.md", "x.txt", "sub/hosts", "a.orig", ".hid", "q.ini~", "c.cfg", "d.retry"], seeded.randint(1, 5)):
            names = seeded.sample(groups, seeded.randint(1, len(groups)))
            write(os.path.join(path, name), yaml(seeded, names) if name.endswith(("yml", "yaml")) else ini(seeded, names))
    if seeded.random() < 0.5:
        beside(seeded, root, groups)
    return path
