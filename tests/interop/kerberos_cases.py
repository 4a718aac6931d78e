"""farmhand's Kerberos against MIT's KDC and MIT's GSS-API; each case is a function, and one that raises has failed."""

import os
import secrets
import sys

import wire
from attempts import Attempts, equal
from kdc import REALM, SERVICE, at, free_port, host, realm

# The same with the feature `kinit`.
KINIT = os.environ["WIRE_KINIT"]
USER = "deploy@" + REALM
PASSWORD = secrets.token_urlsafe(12) + "-x"


def accounts(farm):
    farm.admin(
        "addprinc -pw %s deploy" % PASSWORD,
        "addprinc -pw %s disabled" % PASSWORD,
        "modprinc -allow_tix disabled",
        "addprinc -pw %s stale" % PASSWORD,
        "modprinc -pwexpire yesterday stale",
        "addprinc -pw %s open" % PASSWORD,
        "modprinc -requires_preauth open",
        "addprinc -pw %s short" % PASSWORD,
        "addprinc -e aes128-cts:normal -pw %s small" % PASSWORD,
        "addprinc -randkey %s" % SERVICE,
        "addprinc -randkey WSMAN/localhost",
        "ktadd -k %s %s WSMAN/localhost" % (farm.path("host.keytab"), SERVICE),
        "ktadd -k %s -norandkey deploy" % farm.path("deploy.keytab"),
        "modprinc -maxlife 2minutes short",
    )
    # A host that runs under another account than the one that the domain means.
    keys = "addent -password -p %s@%s -k 2 -e aes256-cts-hmac-sha1-96\nother password\nwkt %s\nq\n"
    farm.call("ktutil", input=keys % (SERVICE, REALM, farm.path("other.keytab")))


def look(farm, server, user=USER, password=PASSWORD, clock=None, program=wire.WIRE, ca=None, **said):
    """What `wire look` says, with what it was told besides."""
    environment = dict(farm.environment, DONT_FAKE_MONOTONIC="1")
    how = {"user": user, "password": password, "command": (*at(clock), program), "environment": environment, "kerberos": "1"}
    code, out, err = wire.look(server.said, *(["kerberos", ca] if ca else []), **how, **said)
    assert PASSWORD not in out + err, "the password is told"
    assert not any(name in err for name in ("sspi", "picky", "Envelope")), err
    return code, out, err


def works(farm, *given, hosting=None, **said):
    with host(farm, **(hosting or {})) as server:
        code, out, err = look(farm, server, *given, **said)
    assert code == 0, (err, server.problems)
    equal(out, '[{"present":{"read":"host_facts"}}] in %d requests\n' % (8 if (hosting or {}).get("negotiate") else 7))
    equal(server.actions, ["Create", "Command", "Send", "Receive", "Signal", "Delete"])
    equal((server.clear, server.problems), (0, []))
    return server


def refused(farm, *given, parts, hosting=None, reached=False, **said):
    with host(farm, **(hosting or {})) as server:
        code, out, err = look(farm, server, *given, **said)
    last = err.strip().splitlines()[-1] if err.strip() else ""
    assert code != 0 and all(part in last for part in parts), "%r lacks some of %r" % (last, parts)
    equal((server.clear, server.problems), (0, []))
    if not reached:
        equal((server.actions, server.names), ([], []))


def a_password_opens_a_host(farm):
    equal(works(farm).names, [USER])


def a_keytab_opens_a_host(farm):
    equal(works(farm, USER, "none", keytab=farm.path("deploy.keytab")).names, [USER])
    equal(works(farm, "", "none", keytab=farm.path("deploy.keytab")).names, [USER])


def the_realm_comes_from_wherever_it_is_said(farm):
    for user, said in [("deploy", {}), ("deploy", {"realm": REALM}), ("FARM\\deploy", {}), ("deploy@farm.test", {})]:
        equal(works(farm, user, **said).names, [USER])


def spnego_carries_it_where_kerberos_alone_is_not_offered(farm):
    equal(works(farm, hosting={"negotiate": True}).names, [USER])


def another_service_name_is_asked_for_when_told(farm):
    works(farm, spn="WSMAN")
    works(farm, spn="WSMAN/localhost")


def a_second_controller_is_asked_when_the_first_is_down(farm):
    works(farm, kdc="127.0.0.1:%d %s" % (free_port(), farm.kdc))


def a_wrong_password_is_named(farm):
    refused(farm, USER, "wrong", parts=["refused the login of `deploy@FARM.TEST`", "the password is wrong", "PREAUTH_FAILED 24"])


def an_unknown_account_is_named(farm):
    refused(farm, "nobody@" + REALM, parts=["knows no account of that name", "C_PRINCIPAL_UNKNOWN 6"])


def an_unknown_service_is_named(farm):
    refused(farm, spn="HTTP/web99.farm.test", parts=["`HTTP/web99.farm.test`", "S_PRINCIPAL_UNKNOWN 7", "`spn:`"])


def a_wrong_realm_is_named(farm):
    refused(farm, "deploy@OTHER.TEST", kdc=farm.kdc, parts=["OTHER.TEST", "realm"])


def controllers_that_do_not_answer_are_named(farm):
    kdc = "127.0.0.1:%d" % free_port()
    refused(farm, kdc=kdc, parts=["no domain controller of the realm `FARM.TEST` answers", kdc + " cannot be reached", "`kdc:`"])


def a_disabled_account_is_named(farm):
    refused(farm, "disabled@" + REALM, parts=["disabled, locked out or expired", "CLIENT_REVOKED 18"])


def an_expired_password_is_named(farm):
    refused(farm, "stale@" + REALM, parts=["the password has expired", "KEY_EXPIRED 23"])


def an_account_without_long_keys_is_named(farm):
    refused(farm, "small@" + REALM, parts=["no encryption type in common", "ETYPE_NOSUPP 14"])


def an_account_that_proves_nothing_is_refused(farm):
    refused(farm, "open@" + REALM, parts=["asks the account for no proof", "requires_preauth"])


def a_host_whose_clock_is_wrong_is_told_by_how_much(farm):
    parts = ["the clocks differ", "the host's clock is 20 minutes ahead", "KRB_AP_ERR_SKEW 37"]
    refused(farm, hosting={"clock": "+20m"}, parts=parts)
    parts = ["not valid yet", "the host's clock is 3 hours and 0 minutes behind", "KRB_AP_ERR_TKT_NYV 33"]
    refused(farm, hosting={"clock": "-3h"}, parts=parts)


def this_machine_s_clock_may_be_wrong(farm):
    works(farm, clock="+40m")
    works(farm, clock="-40m")
    refused(farm, clock="+40m", hosting={"keytab": "other.keytab", "kind": "bare"},
            parts=["the domain gave a ticket for `HTTP/localhost`", "the domain's clock is 40 minutes behind"])


def an_expired_ticket_is_named(farm):
    refused(farm, "short@" + REALM, hosting={"clock": "+20m"},
            parts=["the ticket has expired", "KRB_AP_ERR_TKT_EXPIRED 32", "the host's clock is 20 minutes ahead"])


def a_service_of_another_account_is_named(farm):
    refused(farm, hosting={"keytab": "other.keytab"}, parts=["made for another account", "KRB_AP_ERR_MODIFIED 41"])
    refused(farm, hosting={"keytab": "other.keytab", "negotiate": True}, parts=["made for another account"])
    refused(farm, hosting={"keytab": "other.keytab", "kind": "bare"},
            parts=["the domain gave a ticket for `HTTP/localhost` and the host did not take it", "setspn -Q"])


def a_host_that_does_not_prove_itself_is_refused(farm):
    with host(farm, silent=True) as server:
        code, _, err = look(farm, server)
    assert code != 0 and "without proving that it is the host itself" in err, err
    equal((server.actions, server.clear), ([], 0))


def a_host_with_a_forged_proof_is_refused(farm):
    own = certificate(farm, "own")
    for said in [{}, dict(tickets(farm), user="", password="none")]:
        for hosting in [{}, {"negotiate": True}, {"tls": own}]:
            ca = {"ca": farm.path("own.ca")} if "tls" in hosting else {}
            with host(farm, forge=True, **hosting) as server:
                code, _, err = look(farm, server, **said, **ca)
            assert code != 0 and "its proof that it is the host does not hold" in err, err
            equal((server.actions, server.clear), ([], 0))


def a_message_that_is_signed_and_not_encrypted_is_refused(farm):
    refused(farm, hosting={"sign": True}, reached=True, parts=["signed but not encrypted"])
    refused(farm, "", "none", hosting={"sign": True}, reached=True, parts=["signed but not encrypted"], **tickets(farm))


def a_tampered_seal_is_refused(farm):
    refused(farm, hosting={"tamper": True}, reached=True, parts=["its seal does not hold"])


def an_answer_in_clear_is_refused(farm):
    refused(farm, hosting={"unseal": True}, reached=True, parts=["without a seal"])


def a_keytab_without_the_account_is_named(farm):
    refused(farm, "other@" + REALM, "none", keytab=farm.path("deploy.keytab"),
            parts=["holds no key of `other@FARM.TEST`", "deploy@FARM.TEST"])
    refused(farm, USER, "none", keytab=farm.conf, parts=["is no keytab"])


def tickets(farm, life="1h"):
    farm.call("kinit", "-l", life, USER, input=PASSWORD + "\n")
    return {"program": KINIT, "tickets": "1"}


def tickets_of_kinit_open_a_host(farm):
    said = tickets(farm)
    equal(works(farm, "", "none", **said).names, [USER])
    equal(works(farm, USER, "none", **said).names, [USER])
    equal(works(farm, USER, "none", hosting={"negotiate": True}, **said).names, [USER])
    works(farm, "", "none", spn="WSMAN", **said)
    refused(farm, "", "none", hosting={"tamper": True}, reached=True, parts=["its seal does not hold"], **said)
    refused(farm, "", "none", spn="HTTP/web99.farm.test", parts=["`HTTP/web99.farm.test`", "S_PRINCIPAL_UNKNOWN 7"], **said)


def tickets_that_are_missing_or_over_are_named(farm):
    said = tickets(farm, "5min")
    refused(farm, "", "none", clock="+20m", parts=["the ticket has expired", "KRB_AP_ERR_TKT_EXPIRED 32", "kinit"], **said)
    refused(farm, "other@" + REALM, "none", parts=["no ticket of `other@FARM.TEST`", "kinit other@FARM.TEST"], **said)
    farm.call("kdestroy")
    refused(farm, "", "none", parts=["the ticket cache holds no ticket", "kinit"], **said)


def without_the_feature_tickets_are_an_error(farm):
    refused(farm, "", "none", tickets="1", parts=["built without the feature `kinit`", "`keytab:`"])


def certificate(farm, name):
    """A file with a key and its own certificate for `localhost`."""
    path = farm.path(name + ".pem")
    if not os.path.exists(path):
        farm.call(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-days", "2",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", farm.path("key"), "-out", farm.path("certificate"),
        )
        with open(path, "w") as file:
            file.writelines(open(farm.path(part)).read() for part in ("key", "certificate"))
        os.rename(farm.path("certificate"), farm.path(name + ".ca"))
    return path


def over_https_the_login_is_bound_to_the_connection(farm):
    own, other = certificate(farm, "own"), certificate(farm, "other")
    ca = farm.path("own.ca")
    works(farm, hosting={"tls": own}, ca=ca)
    works(farm, hosting={"tls": own, "negotiate": True}, ca=ca)
    works(farm, "", "none", hosting={"tls": own}, ca=ca, **tickets(farm))
    refused(farm, hosting={"tls": own, "bound": other}, ca=ca,
            parts=["refused the login of `deploy@FARM.TEST`", "in between opens the TLS"])


CASES = [
    a_password_opens_a_host,
    a_keytab_opens_a_host,
    the_realm_comes_from_wherever_it_is_said,
    spnego_carries_it_where_kerberos_alone_is_not_offered,
    another_service_name_is_asked_for_when_told,
    a_second_controller_is_asked_when_the_first_is_down,
    a_wrong_password_is_named,
    an_unknown_account_is_named,
    an_unknown_service_is_named,
    a_wrong_realm_is_named,
    controllers_that_do_not_answer_are_named,
    a_disabled_account_is_named,
    an_expired_password_is_named,
    an_account_without_long_keys_is_named,
    an_account_that_proves_nothing_is_refused,
    a_host_whose_clock_is_wrong_is_told_by_how_much,
    this_machine_s_clock_may_be_wrong,
    an_expired_ticket_is_named,
    a_service_of_another_account_is_named,
    a_host_that_does_not_prove_itself_is_refused,
    a_host_with_a_forged_proof_is_refused,
    a_message_that_is_signed_and_not_encrypted_is_refused,
    a_tampered_seal_is_refused,
    an_answer_in_clear_is_refused,
    a_keytab_without_the_account_is_named,
    over_https_the_login_is_bound_to_the_connection,
    tickets_of_kinit_open_a_host,
    tickets_that_are_missing_or_over_are_named,
    without_the_feature_tickets_are_an_error,
]


def main():
    attempts = Attempts()
    with realm() as farm:
        accounts(farm)
        attempts.make(CASES, farm)
    return attempts.end()


if __name__ == "__main__":
    sys.exit(main())
