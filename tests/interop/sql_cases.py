"""The lab's SQL Server against clients of other people; each case is a function, and one that raises has failed."""

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile

import pymssql
import pytds

from attempts import Attempts, equal, raises

WIRE = os.environ["WIRE"]
USER = "operator"
PASSWORD = secrets.token_urlsafe(12) + "-\u00e4"
NAMES = "SELECT name, database_id, is_broker_enabled, service_broker_guid, create_date, owner_sid FROM sys.databases ORDER BY database_id"
SYSTEM = ["master", "tempdb", "model", "msdb"]


@contextlib.contextmanager
def server():
    """The port of a lab SQL Server, and the file of its authority."""
    process = subprocess.Popen(
        [WIRE, "sql"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ, WIRE_PASSWORD=PASSWORD)
    )
    try:
        address, authority = process.stdout.readline().strip().split(" ", 1)
        yield int(address.rsplit(":", 1)[1]), authority
    finally:
        process.stdin.close()
        process.wait(10)


# FreeTDS


def tsql(port, authority, text, password=PASSWORD, encryption="require"):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as configuration:
        configuration.write(
            "[lab]\nhost = localhost\nport = %d\ntds version = 7.4\nencryption = %s\nca file = %s\n"
            "check certificate hostname = yes\nclient charset = UTF-8\n" % (port, encryption, authority)
        )
        configuration.flush()
        environment = dict(os.environ, FREETDSCONF=configuration.name, LC_ALL="C.UTF-8")
        arguments = ["tsql", "-S", "lab", "-U", USER, "-P", password]
        done = subprocess.run(arguments, input=text + "\nGO\nexit\n", capture_output=True, text=True, env=environment, timeout=30)
        return done.returncode, done.stdout + done.stderr


def freetds_reads_databases(port, authority):
    for encryption in ["require", "request", "off"]:
        _, said = tsql(port, authority, NAMES, encryption=encryption)
        for name in SYSTEM:
            assert "\n%s\t" % name in said, said


def freetds_sees_errors(port, authority):
    _, said = tsql(port, authority, "SELECT name FORM sys.databases")
    assert "Msg 102 (severity 15, state 1)" in said and "Incorrect syntax near 'sys'." in said, said
    code, said = tsql(port, authority, "SELECT 1", password="wrong")
    assert code != 0 and "Msg 18456 (severity 14, state 1)" in said, said


def freetds_trusts_nobody_else(port, authority):
    with server() as (_, other):
        code, said = tsql(port, other, "SELECT 1")
        assert code != 0, said


# python-tds


def python_tds(port, authority, password=PASSWORD, **more):
    return pytds.connect(
        "localhost", port=port, user=USER, password=password, database="master", cafile=authority, validate_host=True,
        autocommit=True, **more
    )


def python_tds_reads_databases(port, authority):
    for login_only in [False, True]:
        with python_tds(port, authority, enc_login_only=login_only) as connection, connection.cursor() as cursor:
            cursor.execute(NAMES)
            rows = cursor.fetchall()
            equal([row[0] for row in rows], SYSTEM)
            equal([row[1] for row in rows], [1, 2, 3, 4])
            equal([bool(row[2]) for row in rows], [False, True, False, True])
            equal(bytes(rows[0][5]), b"\x01")


def python_tds_sends_parameters(port, authority):
    with python_tds(port, authority) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT %s + N'!', %s + 1, SERVERPROPERTY('EngineEdition'), SERVERPROPERTY('ServerName')", ("it's \u00e4", 41))
        equal(cursor.fetchone(), ("it's \u00e4!", 42, 2, "SQL01"))


def python_tds_sees_errors(port, authority):
    with python_tds(port, authority) as connection, connection.cursor() as cursor:
        error = raises(pytds.Error, lambda: cursor.execute("SELECT name FORM sys.databases"))
        equal((error.number, error.severity, error.state), (102, 15, 1))
    error = raises(pytds.Error, lambda: python_tds(port, authority, password="wrong"))
    assert "Login failed for user 'operator'." in str(error), error


def python_tds_rolls_back(port, authority):
    with pytds.connect(
        "localhost", port=port, user=USER, password=PASSWORD, database="tempdb", cafile=authority, autocommit=False
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE ROLE r")
        connection.rollback()
        cursor.execute("SELECT COUNT(*) FROM sys.database_principals WHERE name = 'r'")
        equal(cursor.fetchone()[0], 0)
        cursor.execute("CREATE ROLE r")
        connection.commit()
        cursor.execute("SELECT COUNT(*) FROM sys.database_principals WHERE name = 'r'")
        equal(cursor.fetchone()[0], 1)


# pymssql


def pymssql_connection(port, password=PASSWORD):
    return pymssql.connect("127.0.0.1", USER, password, "master", port=port, encryption="require", login_timeout=20)


def pymssql_reads_databases(port, authority):
    with pymssql_connection(port) as connection, connection.cursor() as cursor:
        cursor.execute(NAMES)
        equal([row[0] for row in cursor.fetchall()], SYSTEM)


def pymssql_sees_errors(port, authority):
    with pymssql_connection(port) as connection, connection.cursor() as cursor:
        error = raises(pymssql.Error, lambda: cursor.execute("USE nowhere"))
        equal(error.args[0], 911)
    error = raises(pymssql.Error, lambda: pymssql_connection(port, password="wrong"))
    assert "18456" in str(error), error


CASES = [
    freetds_reads_databases, freetds_sees_errors, freetds_trusts_nobody_else, python_tds_reads_databases,
    python_tds_sends_parameters, python_tds_sees_errors, python_tds_rolls_back, pymssql_reads_databases, pymssql_sees_errors,
]


def main():
    attempts = Attempts()
    with server() as (port, authority):
        attempts.make(CASES, port, authority)
    return attempts.end()


if __name__ == "__main__":
    sys.exit(main())
