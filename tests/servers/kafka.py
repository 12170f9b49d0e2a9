"""A real Kafka broker (KRaft, one node) as a child of the tests.

Its jars come from Maven Central by `kafka/pom.xml`, once; afterwards nothing is downloaded.
"""

import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError

from tests.servers.given import given_url
from tests.servers.process import ServerProcess, make_folder, require
from tradeops.adapters.event_log_kafka import KafkaAddress
from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.domain.errors import TradeOpsError

POM = Path(__file__).with_suffix("") / "pom.xml"
JARS = Path("~/.cache/tradeops/kafka-4.4.0").expanduser()
SCRAM = "SCRAM-SHA-512"
USER, PASSWORD = "alice", "made-up for the tests"  # pragma: allowlist secret
_CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
# A small, fast JVM: it starts in half the time of the default one.
_JAVA = ("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_MVN_SECONDS = 300

_COMMON = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{control_port}
listeners={protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control_port}
advertised.listeners={protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control_port}
listener.security.protocol.map={protocol}:{protocol},CONTROLLER:PLAINTEXT
inter.broker.listener.name={protocol}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
background.threads=2
num.replica.fetchers=1
"""

_SECURE = """
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
username="broker" password="{own}" user_broker="{own}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""

_LOGGING = """
rootLogger.level=INFO
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n
"""


@dataclass
class KafkaServer:
    """A broker at `address`; `process` stops, kills, freezes and restarts it on the same data."""

    address: str
    process: ServerProcess
    folder: Path

    @property
    def url(self) -> str:
        return f"kafka://{self.address}"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"


@contextmanager
def open_kafka() -> Iterator[str]:
    """URL of a broker in plain text: the given one, else one that is started."""
    url = given_url("KAFKA")
    if url is not None:
        yield url
        return
    with run_kafka() as server:
        yield server.url


@contextmanager
def lend_prefix(url: str) -> Iterator[str]:
    """The URL with names that nobody else uses; their topics are deleted in the end."""
    lent = invent_prefix(url)
    yield lent
    delete_topics(lent)


def invent_prefix(url: str) -> str:
    """The URL with names that nobody else uses; who dies is missed soon."""
    return set_limits(f"{url}/t{uuid4().hex[:12]}", session_s=3, patience_s=20)


def set_limits(url: str, *, session_s: float, patience_s: float) -> str:
    """The URL with the same names and other limits."""
    return f"{url.partition('?')[0]}?session_s={session_s:g}&patience_s={patience_s:g}"


def make_patient(url: str) -> str:
    """The URL for those who do not die: a machine that keeps them waiting for seconds has nobody struck off.

    A URL of another kind of event log stays as it is.
    """
    return set_limits(url, session_s=30, patience_s=120) if url.startswith("kafka://") else url


def delete_topics(lent: str) -> None:
    """Delete all topics that bear the prefix of a URL; no test fails because a busy broker keeps them."""
    address = KafkaAddress.parse(lent)
    with suppress(KafkaError, TradeOpsError), closing(KafkaClients(address).open_admin()) as admin:
        ours = [name for name in admin.list_topics() if name.startswith(f"{address.prefix}.")]
        if ours:
            admin.delete_topics(ours)


def strike_off(url: str, group: str) -> None:
    """Remove all members of a group, as the broker does when they are silent for too long."""
    address = KafkaAddress.parse(url)
    with closing(KafkaClients(address).open_admin()) as admin:
        name = address.name(group)
        members = [member["member_id"] for member in admin.describe_groups([name])[name]["members"]]
        admin.remove_group_members(name, [MemberToRemove(member_id=member) for member in members])


@contextmanager
def run_kafka(*, secure: bool = False) -> Iterator[KafkaServer]:
    """A broker of its own for as long as the block runs.

    Args:
        secure: TLS and SCRAM for `USER` with `PASSWORD` instead of plain text.
    """
    jars = find_jars()
    folder = make_folder("kafka")
    port, control_port = find_free_ports(2)
    values = {"folder": folder, "port": port, "control_port": control_port, "own": uuid4().hex}
    values["protocol"] = "SASL_SSL" if secure else "PLAINTEXT"
    (folder / "server.properties").write_text((_COMMON + (_SECURE if secure else "")).format(**values))
    (folder / "log4j2.properties").write_text(_LOGGING)
    if secure:
        _write_certificates(folder)
    java = (*_JAVA, f"-Dlog4j2.configurationFile={folder}/log4j2.properties", f"-Dkafka.logs.dir={folder}")
    java = (*java, "-cp", f"{jars}/*")
    _format(java, folder, secure=secure)
    command = (*java, "kafka.Kafka", f"{folder}/server.properties")
    process = ServerProcess(command, folder, lambda: is_open(port) if secure else answers(port))
    try:
        process.start()
        yield KafkaServer(f"127.0.0.1:{port}", process, folder)
    finally:
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def find_jars() -> Path:
    """The folder of the jars, filled by Maven when they are not there yet."""
    if not any(JARS.glob("kafka_2.13-*.jar")):
        require(shutil.which("java") and shutil.which("mvn"), "java and mvn, or a broker's jars in " + str(JARS))
        JARS.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".kafka-", dir=JARS.parent))
        copy = ("dependency:copy-dependencies", f"-DoutputDirectory={fresh}", "-DincludeScope=runtime")
        subprocess.run(("mvn", "-q", "-B", "-f", str(POM), *copy), check=True, timeout=_MVN_SECONDS)
        if not JARS.exists():  # another process may have been faster
            fresh.rename(JARS)
        shutil.rmtree(fresh, ignore_errors=True)
    require(shutil.which("java"), "java")
    return JARS


def find_free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def answers(port: int) -> bool:
    """Whether a broker answers an ApiVersions request in plain text."""
    try:
        with closing(socket.create_connection(("127.0.0.1", port), 0.5)) as connection:
            connection.settimeout(1)
            request = struct.pack(">hhih", 18, 0, 7, -1)
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) == 8
    except OSError:
        return False


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


def _format(java: tuple[str, ...], folder: Path, *, secure: bool) -> None:
    users = ("--add-scram", f"{SCRAM}=[name={USER},password={PASSWORD}]") if secure else ()
    where = ("format", "-t", _CLUSTER, "-c", f"{folder}/server.properties", "--standalone", *users)
    subprocess.run((*java, "kafka.tools.StorageTool", *where), check=True, stdout=subprocess.DEVNULL, timeout=120)


def _write_certificates(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    (folder / "server.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)
