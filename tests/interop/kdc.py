"""A real MIT Kerberos realm on loopback: its KDC, its accounts, their keytabs, and hosts that take its tickets."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from peer import peer, wait_for
from sshd import free_port

REALM = "FARM.TEST"
SERVICE = "HTTP/localhost"
FOLDERS = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])

KDC_CONF = """
[kdcdefaults]
    kdc_ports = ""
    kdc_tcp_ports = %(port)d
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:%(port)d
[realms]
    %(realm)s = {
        database_name = %(folder)s/principal
        key_stash_file = %(folder)s/stash
        acl_file = %(folder)s/kadm5.acl
        max_life = 10h
        supported_enctypes = aes256-cts:normal aes128-cts:normal
        default_principal_flags = +preauth
    }
"""

KRB5_CONF = """
[libdefaults]
    default_realm = %(realm)s
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    default_ccache_name = FILE:%(folder)s/ccache
[realms]
    %(realm)s = {
        kdc = 127.0.0.1:%(port)d
    }
[domain_realm]
    localhost = %(realm)s
"""


class Realm:
    """A folder with a database, and a KDC that serves it."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.write("kdc.conf", KDC_CONF)
        self.conf = self.write("krb5.conf", KRB5_CONF)
        self.environment = dict(
            os.environ, PATH=FOLDERS, KRB5_CONFIG=self.conf, KRB5_KDC_PROFILE=self.path("kdc.conf"), LC_ALL="C.UTF-8"
        )
        self.environment.pop("KRB5CCNAME", None)
        self.call("kdb5_util", "create", "-s", "-r", REALM, "-P", "master of a test")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text % {"folder": self.folder, "port": self.port, "realm": REALM})
        return file.name

    def call(self, *command, **how):
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=30, **how)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def admin(self, *commands):
        for command in commands:
            self.call("kadmin.local", "-r", REALM, "-q", command)

    @property
    def kdc(self):
        return "127.0.0.1:%d" % self.port


@contextlib.contextmanager
def realm():
    with tempfile.TemporaryDirectory(prefix="farmhand-kdc-") as folder:
        made = Realm(folder)
        with open(made.path("kdc.log"), "w") as log:
            server = subprocess.Popen(
                [shutil.which("krb5kdc", path=FOLDERS), "-n", "-r", REALM, "-P", made.path("kdc.pid")],
                env=made.environment, stdout=log, stderr=log,
            )
            try:
                wait_for(made.port)
                yield made
            finally:
                server.terminate()
                server.wait(10)


def at(clock):
    """What makes a process see another time."""
    return ["faketime", "-f", clock] if clock else []


def host(realm, keytab="host.keytab", clock=None, **how):
    """A server that takes tickets, in a process whose clock may differ."""
    command = at(clock) + [sys.executable, os.path.join(os.path.dirname(__file__), "gss_acceptor.py"), json.dumps(how)]
    return peer(command, dict(realm.environment, KRB5_KTNAME=realm.path(keytab), KRB5RCACHENAME="none:"))
