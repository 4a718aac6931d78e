"""A WS-Man server whose Kerberos and SPNEGO are MIT's, by its GSS-API. Runs until its input ends, then tells what it saw.

Its argument is JSON: `tamper` and `unseal` as for the other acceptor; `negotiate` takes SPNEGO alone; `silent` accepts
without proving that it is the host, and `forge` with a proof that is not its own; `sign` signs replies and encrypts none;
`kind` is how a refusal is told: with Kerberos' own error, or bare. `tls` is a file
with a certificate and its key, to listen by TLS and take nothing that is not bound to it; `bound` is another such file,
for a login that was bound to that one's connection.
"""

import base64
import hashlib
import json
import ssl
import sys
import threading

import gssapi
from gssapi.raw import IOV, ChannelBindings, IOVBufferType, unwrap_iov, wrap_iov

from acceptor import Acceptor, Handler


# GSS_C_CHANNEL_BOUND_FLAG: the client said what it is bound to, and it is this connection.
CHANNEL_BOUND = 0x800


class GssHandler(Handler):
    how = {}
    bindings = None

    def log_in(self, token):
        scheme = self.headers["Authorization"].split(" ")[0]
        wrapped = token[2:40].find(b"\x2b\x06\x01\x05\x05\x02") >= 0
        if wrapped != (scheme == "Negotiate"):
            self.server.problems.append("%s carries what is not its own" % scheme)
        credentials = gssapi.Credentials(usage="accept")
        self.context = gssapi.SecurityContext(usage="accept", creds=credentials, channel_bindings=self.bindings)
        try:
            out, refused = self.context.step(token), False
        except gssapi.exceptions.GSSError as error:
            out, refused = error.token, True
        told = "%s %s" % (scheme, base64.b64encode(out).decode()) if out else scheme
        if not refused and self.context.complete:
            self.server.names.append(str(self.context.initiator_name))
            if self.bindings and not self.context.actual_flags & CHANNEL_BOUND:
                self.server.problems.append("the login is not bound to the connection")
            if not self.context.actual_flags & gssapi.RequirementFlag.mutual_authentication:
                self.server.problems.append("it does not ask who the host is")
            if self.how.get("forge"):
                told = "%s %s" % (scheme, self.encoded(out[:-1] + bytes([out[-1] ^ 1])))
            return self.answer(200) if self.how.get("silent") else self.answer(200, WWW_Authenticate=told)
        self.context = None
        return self.answer(401, WWW_Authenticate=scheme if self.how.get("kind") == "bare" else told)

    def unwrap(self, header, data):
        if len(header) != 60:
            self.server.problems.append("the header has %d bytes" % len(header))
        iov = IOV((IOVBufferType.header, False, header), data, std_layout=False)
        if not unwrap_iov(self.context, iov).encrypted:
            self.server.problems.append("a message was signed and not encrypted")
        return iov[1].value

    def wrap(self, plain):
        iov = IOV(IOVBufferType.header, plain, IOVBufferType.padding, std_layout=False)
        wrap_iov(self.context, iov, confidential=not self.how.get("sign"))
        return iov[0].value, iov[1].value + (iov[2].value or b"")


def main():
    gssapi.SecurityContext.__DEFER_STEP_ERRORS__ = False
    how = GssHandler.how = json.loads(sys.argv[1])
    GssHandler.schemes = ("Negotiate",) if how.get("negotiate") else ("Kerberos",)
    if not how.get("negotiate"):
        GssHandler.protocol = b"application/HTTP-Kerberos-session-encrypted"
    server = Acceptor(GssHandler, tamper=how.get("tamper", False), unseal=how.get("unseal", False))
    server.names = []
    if "tls" in how:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(how["tls"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.tls = True
        with open(how.get("bound", how["tls"])) as file:
            certificate = ssl.PEM_cert_to_DER_cert(file.read().partition("-----END PRIVATE KEY-----\n")[2])
        # RFC 5929 4.1.
        data = b"tls-server-end-point:" + hashlib.sha256(certificate).digest()
        GssHandler.bindings = ChannelBindings(application_data=data)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.address.replace("127.0.0.1", "localhost"), flush=True)
    sys.stdin.read()
    seen = {name: getattr(server, name) for name in ("actions", "problems", "names")}
    print(json.dumps(dict(seen, clear=len(server.clear))))


if __name__ == "__main__":
    main()
