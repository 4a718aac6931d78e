"""A WS-Man server whose NTLM is pyspnego's: what farmhand's client has to get along with.

It checks the MIC, opens what is sealed, answers as an agent does, and writes down everything that came in clear.
"""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import re
import struct
import tempfile
import threading
import uuid
import xml.etree.ElementTree as ET

SHELL = "{http://schemas.microsoft.com/wbem/wsman/1/windows/shell}"
BOUNDARY = b"--Encrypted Boundary"
SEALED = 'multipart/encrypted;protocol="%s";boundary="Encrypted Boundary"'
PARTS = (
    rb"--Encrypted Boundary\r\n"
    rb"\tContent-Type: %s\r\n"
    rb"\tOriginalContent: type=application/soap\+xml;charset=UTF-8;Length=(\d+)\r\n"
    rb"--Encrypted Boundary\r\n"
    rb"\tContent-Type: application/octet-stream\r\n"
)


class Acceptor(http.server.ThreadingHTTPServer):
    """`tamper` breaks the seal of replies; `unseal` answers in clear after the login."""

    daemon_threads = True

    def __init__(self, handler=None, tamper=False, unseal=False):
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.tls = False
        self.tamper = tamper
        self.unseal = unseal
        self.clear = []
        self.problems = []
        self.actions = []

    @property
    def address(self):
        return "127.0.0.1:%d" % self.server_address[1]


@contextlib.contextmanager
def serving(user, password, **how):
    """A server that knows one account, `DOMAIN\\user`."""
    domain, name = user.split("\\")
    with tempfile.NamedTemporaryFile("w", suffix=".ntlm") as store:
        store.write("%s:%s:%s\n" % (domain, name, password))
        store.flush()
        os.environ["NTLM_USER_FILE"] = store.name
        server = Acceptor(**how)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def setup(self):
        super().setup()
        self.context = None
        self.stdin = b""
        self.stdout = b""

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    schemes = ("Negotiate",)
    protocol = b"application/HTTP-SPNEGO-session-encrypted"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.tls and (b"Envelope" in body or b"schemas" in body):
            self.server.clear.append(body)
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme in self.schemes:
            if body:
                self.server.problems.append("a login carries a body")
            return self.log_in(base64.b64decode(token))
        if not self.logged_in():
            return self.answer(401, WWW_Authenticate=self.schemes[0])
        self.operate(body)

    def logged_in(self):
        return self.context is not None and self.context.complete

    @staticmethod
    def encoded(token):
        return base64.b64encode(token).decode()

    def unwrap(self, header, data):
        return self.context.unwrap_winrm(header, data)

    def wrap(self, plain):
        """The header and the ciphertext."""
        wrapped = self.context.wrap_winrm(plain)
        return wrapped.header, wrapped.data

    def log_in(self, token):
        # Only here, so that servers of other makes need no pyspnego.
        import spnego
        from spnego._ntlm_raw.messages import Authenticate, AvFlags, AvId, NTClientChallengeV2

        if token[8:12] == b"\x01\0\0\0":
            self.context = spnego.server(protocol="ntlm")
        else:
            proof = Authenticate.unpack(token)
            pairs = NTClientChallengeV2.unpack(proof.nt_challenge_response[16:]).av_pairs
            if not pairs.get(AvId.flags, 0) & AvFlags.mic:
                self.server.problems.append("the proof has no MIC")
        try:
            out = self.context.step(token)
        except spnego.exceptions.SpnegoError:
            self.context = None
            return self.answer(401, WWW_Authenticate="Negotiate")
        if self.context.complete:
            return self.answer(200)
        self.answer(401, WWW_Authenticate="Negotiate " + base64.b64encode(out).decode())

    def operate(self, body):
        if self.server.tls:
            reply = self.perform(ET.fromstring(body)).encode()
            return self.answer(200, reply, Content_Type="application/soap+xml;charset=UTF-8")
        head = re.match(PARTS % re.escape(self.protocol), body)
        if not head or not body.endswith(BOUNDARY + b"--\r\n"):
            self.server.problems.append("the framing is not MS-WSMV's: %r" % body[:300])
            return self.answer(400)
        sealed = body[head.end() : -len(BOUNDARY + b"--\r\n")]
        length = struct.unpack("<I", sealed[:4])[0]
        plain = self.unwrap(sealed[4 : 4 + length], sealed[4 + length :])
        if len(plain) != int(head[1]):
            self.server.problems.append("the length is wrong")
        reply = self.perform(ET.fromstring(plain)).encode()
        if self.server.unseal:
            return self.answer(200, reply, Content_Type="application/soap+xml;charset=UTF-8")
        header, data = self.wrap(reply)
        if self.server.tamper:
            data = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        # No tabs, as some servers have it: the other half of what a client must read.
        body = (
            b"--Encrypted Boundary\r\nContent-Type: %s\r\n" % self.protocol
            + b"OriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % len(reply)
            + b"--Encrypted Boundary\r\nContent-Type: application/octet-stream\r\n"
            + struct.pack("<I", len(header))
            + header
            + data
            + b"--Encrypted Boundary--\r\n"
        )
        self.answer(200, body, Content_Type=SEALED % self.protocol.decode())

    def perform(self, envelope):
        find = lambda name: next((it for it in envelope.iter() if it.tag.endswith("}" + name)), None)
        action = find("Action").text.rsplit("/", 1)[1]
        self.server.actions.append(action)
        inside = {
            "Create": '<r:Shell><r:ShellId>S1</r:ShellId></r:Shell>',
            "Command": "<r:CommandResponse><r:CommandId>C1</r:CommandId></r:CommandResponse>",
            "Send": "<r:SendResponse/>",
            "Signal": "<r:SignalResponse/>",
            "Delete": "",
        }
        if action == "Send":
            self.stdin += base64.b64decode(find("Stream").text)
            self.stdout += self.agent()
        if action == "Receive":
            # In three pieces, the way output comes.
            cut = [self.stdout[:7], self.stdout[7:11], self.stdout[11:]]
            streams = "".join(
                '<r:Stream Name="stdout" CommandId="C1">%s</r:Stream>' % base64.b64encode(it).decode() for it in cut
            )
            inside["Receive"] = "<r:ReceiveResponse>%s</r:ReceiveResponse>" % streams
            self.stdout = b""
        return (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
            'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:r="%s"><s:Header>'
            "<a:MessageID>uuid:%s</a:MessageID><a:RelatesTo>%s</a:RelatesTo></s:Header><s:Body>%s</s:Body></s:Envelope>"
            % (SHELL[1:-1], uuid.uuid4(), find("MessageID").text, inside[action])
        )

    def agent(self):
        """What an agent would answer to all that has been sent."""
        text, _, rest = self.stdin.partition(b"#farmhand-agent-end\n")
        hello, batch = [json.loads(line) for line in rest.splitlines()]
        greeting = dict(hello, agent=hashlib.sha256(text).hexdigest())
        replies = {"id": batch["id"], "replies": [{"answer": {"present": call["ask"]}} for call in batch["calls"]]}
        return ("%s\n%s\n" % (json.dumps(greeting), json.dumps(replies))).encode()
