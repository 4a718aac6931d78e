"""A WS-Man server whose NTLMv2 is Samba's, by gensec. Debian's own Python runs it, for that is who has Samba.

Its arguments are a folder for an account database and an account's name; the password is in `WIRE_PASSWORD`. `tamper`
breaks the seal of replies. It runs until its input ends, then tells what it saw, as JSON.
"""

import json
import logging
import os
import sys
import threading

from samba import auth, credentials, gensec, param
from samba.auth import system_session
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
from samba.provision import provision
from samba.samdb import SamDB

from acceptor import Acceptor, Handler

SIGNATURE = 16


class Accounts:
    """A database with one account, as a domain controller has it."""

    def __init__(self, folder, user, password):
        logging.disable(logging.CRITICAL)
        provision(
            logging.getLogger(), system_session(), realm="LAB.TEST", domain="LAB", targetdir=folder, serverrole="dc",
            hostname="web01", hostip="127.0.0.1", adminpass="Admin-" + password, dns_backend="NONE",
            dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2, skip_sysvolacl=True,
        )
        self.settings = param.LoadParm()
        self.settings.load(os.path.join(folder, "etc", "smb.conf"))
        path = os.path.join(folder, "private", "sam.ldb")
        self.database = SamDB(path, session_info=system_session(), lp=self.settings)
        self.database.newuser(user, password)

    def context(self):
        known = auth.AuthContext(lp_ctx=self.settings, ldb=self.database, methods=["anonymous", "sam"])
        server = gensec.Security.start_server({"target_hostname": "web01", "lp_ctx": self.settings}, known)
        own = credentials.Credentials()
        own.guess(self.settings)
        server.set_credentials(own)
        server.want_feature(gensec.FEATURE_SEAL)
        server.start_mech_by_name("ntlmssp")
        return server


class GensecHandler(Handler):
    accounts = None

    def log_in(self, token):
        if token[8:12] == b"\x01\0\0\0":
            self.context, self.done = self.accounts.context(), False
        try:
            self.done, out = self.context.update(token)
        except Exception as error:
            self.server.refusals.append(str(error))
            self.context = None
            return self.answer(401, WWW_Authenticate="Negotiate")
        if self.done:
            if not self.context.have_feature(gensec.FEATURE_SEAL):
                self.server.problems.append("it does not seal")
            self.server.names.append(self.context.session_info().info.account_name)
            return self.answer(200)
        self.answer(401, WWW_Authenticate="Negotiate " + self.encoded(out))

    def logged_in(self):
        return self.context is not None and self.done

    def unwrap(self, header, data):
        return self.context.unwrap(header + data)

    def wrap(self, plain):
        sealed = self.context.wrap(plain)
        return sealed[:SIGNATURE], sealed[SIGNATURE:]


def main():
    folder, user = sys.argv[1:3]
    GensecHandler.accounts = Accounts(folder, user, os.environ["WIRE_PASSWORD"])
    server = Acceptor(GensecHandler, tamper="tamper" in sys.argv)
    server.names, server.refusals = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.address, flush=True)
    sys.stdin.read()
    seen = {name: getattr(server, name) for name in ("actions", "problems", "names", "refusals")}
    print(json.dumps(dict(seen, clear=len(server.clear))))


if __name__ == "__main__":
    main()
