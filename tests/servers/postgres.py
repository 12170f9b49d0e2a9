"""PostgreSQL for the tests: one server a session, databases of their own made from a template in milliseconds."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import trustme
from sqlalchemy.engine import URL, make_url

from tests.servers.given import given_url
from tests.servers.process import ServerProcess, make_folder, require, run_as

USER, PASSWORD = "tradeops", "made-up"  # pragma: allowlist secret
ACCOUNT = "postgres"
MAINTENANCE = "postgres"
# What the tests need is that commits are ordered, not that they outlive the machine.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "500"}
TLS_ONLY = "hostssl all all 127.0.0.1/32 scram-sha-256\nhostnossl all all 0.0.0.0/0 reject\n"
_NUMBERS = itertools.count(1)


@dataclass
class Databases:
    """Databases of a server, each with an address.

    Args:
        address: Of any of its databases, of a superuser: the tests switch triggers off.
    """

    address: URL
    made: list[str] = field(default_factory=list)

    def url(self, name: str, **query: str) -> str:
        """The address that the product is given."""
        return self.address.set(database=name).update_query_dict(query).render_as_string(hide_password=False)

    def create(self, template: str = "template0") -> str:
        """A new database, equal to its template, which nobody may be connected to; returns its name."""
        name = f"tradeops_{os.getpid()}_{next(_NUMBERS)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self.made.append(name)
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.made.remove(name)

    def drop_all(self) -> None:
        for name in reversed(list(self.made)):
            self.drop(name)

    def disconnect_all(self, name: str) -> None:
        """End every connection to a database, as its restart does."""
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608

    def run(self, statement: str) -> None:
        with psycopg.connect(self._dsn(MAINTENANCE), autocommit=True) as connection:
            connection.execute(statement.encode())

    def connect(self, name: str) -> psycopg.Connection:
        """A connection beside the product's, which commits every statement."""
        return psycopg.connect(self._dsn(name), autocommit=True)

    def _dsn(self, name: str) -> str:
        return self.url(name).replace("postgresql+psycopg://", "postgresql://")


class PostgresServer:
    """A server of our own: on a free port, with a password, its data in a private folder."""

    def __init__(self, *, tls: bool = False) -> None:
        self.port = find_free_port()
        self.folder = make_folder("postgres", ACCOUNT)
        self.authority = trustme.CA() if tls else None
        self.databases = Databases(
            URL.create("postgresql+psycopg", USER, PASSWORD, "localhost" if tls else "127.0.0.1", self.port)
        )
        self._initialise()
        if self.authority is not None:
            self.databases.address = self.databases.address.update_query_dict(self._encrypt(self.authority))
        self.process = ServerProcess(self._command(), self.folder, self._is_ready, user=ACCOUNT)
        self.runs = False
        self.start()

    def start(self) -> None:
        self.process.start()
        self.runs = True

    def stop(self) -> None:
        """Let it end in order, ending every connection."""
        self.process.stop(signal.SIGINT)
        self.runs = False

    def kill(self) -> None:
        """`kill -9` all of it, as when the machine goes down."""
        family = self._family()
        self.process.kill()
        self.runs = False
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=10)

    def freeze(self) -> None:
        for one in self._family():
            with suppress(psutil.NoSuchProcess):  # a backend may end meanwhile
                one.suspend()

    def thaw(self) -> None:
        for one in self._family():
            with suppress(psutil.NoSuchProcess):
                one.resume()

    def remove(self) -> None:
        if self.runs:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _family(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self.process.pid)
        return [*postmaster.children(recursive=True), postmaster]

    def _command(self) -> list[str]:
        settings = {"listen_addresses": "127.0.0.1", **FAST, **({"ssl": "on"} if self.authority else {})}
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        folder = str(self.folder / "data")
        return [find_program("postgres"), "-D", folder, "-p", str(self.port), "-k", str(self.folder), *given]

    def _initialise(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        command = [find_program("initdb"), "-D", str(self.folder / "data"), "-U", USER, "--auth=scram-sha-256"]
        command += [f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **run_as(ACCOUNT))  # type: ignore[call-overload]

    def _encrypt(self, authority: trustme.CA) -> dict[str, str]:
        certificate, data = authority.issue_cert("localhost", "127.0.0.1"), self.folder / "data"
        certificate.private_key_pem.write_to_path(str(data / "server.key"))
        (data / "server.crt").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
        (data / "pg_hba.conf").write_text(TLS_ONLY)
        (data / "server.key").chmod(0o600)
        if os.getuid() == 0:
            shutil.chown(data / "server.key", ACCOUNT, ACCOUNT)
        root = self.folder / "ca.pem"
        authority.cert_pem.write_to_path(str(root))
        return {"sslmode": "verify-full", "sslrootcert": str(root)}

    def _is_ready(self) -> bool:
        try:
            self.databases.connect(MAINTENANCE).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def open_databases() -> Iterator[Databases]:
    """Databases on the server of `TRADEOPS_TEST_POSTGRES_URL`, else on one of our own; removed at the end."""
    given = given_url("POSTGRES")
    if given:
        databases = Databases(make_url(given))
        try:
            yield databases
        finally:
            databases.drop_all()
        return
    with open_server() as server:
        yield server.databases


@contextmanager
def open_server(*, tls: bool = False) -> Iterator[PostgresServer]:
    """A server that the test may stop, kill and freeze."""
    require(find_programs(), "PostgreSQL: the package postgresql-15, or TRADEOPS_TEST_POSTGRES_URL")
    server = PostgresServer(tls=tls)
    try:
        yield server
    finally:
        server.remove()


def find_programs() -> Path | None:
    """The folder of the newest PostgreSQL of this host; its programs are not on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def find_program(name: str) -> str:
    folder = find_programs()
    assert folder is not None
    return str(folder / name)


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def make_template(databases: Databases, prepare: Callable[[str], None]) -> str:
    """A database that `prepare` has filled, given its address: a template for others."""
    name = databases.create()
    prepare(databases.url(name))
    return name
