"""What a `kafka://` URL says: where the brokers are, with which names and credentials, and how patient to be."""

import re
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from tradeops.domain.errors import ConfigurationError

SCHEMES = PLAIN, ENCRYPTED = "kafka", "kafka+ssl"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")
_SERVER = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
_SECONDS = re.compile(r"\d{1,4}(\.\d{1,3})?")
_EXAMPLE = "kafka+ssl://account@broker:9093/prefix?ca_file=/etc/ssl/ca.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAddress:
    """The parts of a URL as `kafka://host:9092,other:9092/prefix?session_s=10&patience_s=30`.

    Args:
        servers: `host:port` of the brokers to ask first.
        prefix: Stands with a dot before every topic, group and transaction, so that installations share a cluster.
        encrypted: `kafka+ssl://`: TLS, and the host's name is checked.
        user: Who logs in by SASL; None logs nobody in.
        password: Of the user; never shown.
        ca_file: Certificates of the authorities to trust; the system's own when it is None.
        mechanism: Of SASL: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN.
        session_s: A member that is silent for so long is struck off, and a producer's transaction is given up.
        patience_s: Broken connections and missing answers are borne for so long, in seconds.
    """

    servers: tuple[str, ...]
    prefix: str = ""
    encrypted: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    mechanism: str = MECHANISMS[0]
    session_s: float = 10.0
    patience_s: float = 30.0

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL.

        Args:
            url: As above; characters of user and password that have a meaning in URLs are percent-encoded.

        Raises:
            ConfigurationError: The URL cannot be used; the message holds nothing of it that is secret.
        """
        parts = urlsplit(url)
        login, _, servers = parts.netloc.rpartition("@")
        user, _, secret = login.partition(":")
        return cls(
            servers=tuple(servers.split(",")),
            prefix=parts.path.strip("/"),
            encrypted=parts.scheme == ENCRYPTED,
            user=unquote(user) or None,
            password=unquote(secret) or None,
            **_read_options(parts),
        )

    def __post_init__(self) -> None:
        for server in self.servers:
            _require(_SERVER.fullmatch(server), f"names no host:port of a broker; as {_EXAMPLE}")
        _require(_PREFIX.fullmatch(self.prefix), "may have letters, digits, dot, dash and underscore as prefix")
        _require(self.mechanism in MECHANISMS, f"has an unknown sasl_mechanism; known: {', '.join(MECHANISMS)}")
        _require(self.encrypted or not self.user, f"would send a password in plain text: use {ENCRYPTED}://")
        _require(self.encrypted or not self.ca_file, f"has a ca_file without TLS: use {ENCRYPTED}://")
        _require(not self.user or self.password, "has a user and no password: set TRADEOPS_EVENT_LOG_PASSWORD")
        _require(1 <= self.session_s <= self.patience_s, "must have 1 <= session_s <= patience_s")

    def __str__(self) -> str:
        """The address without what is secret."""
        login = f"{self.user}@" if self.user else ""
        return f"{ENCRYPTED if self.encrypted else PLAIN}://{login}{','.join(self.servers)}/{self.prefix}"

    def name(self, plain: str) -> str:
        """A topic's or group's name in the cluster."""
        return f"{self.prefix}.{plain}" if self.prefix else plain


def _read_options(parts: SplitResult) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name in ("session_s", "patience_s"):
            _require(_SECONDS.fullmatch(text), f"must have seconds as {name}")
            options[name] = float(text)
        elif name in ("ca_file", "sasl_mechanism"):
            options["mechanism" if name == "sasl_mechanism" else name] = text
        else:
            _require(False, "knows ca_file, sasl_mechanism, session_s and patience_s as options, nothing else")
    return options


def _require(holds: object, what: str) -> None:
    if not holds:
        raise ConfigurationError(f"TRADEOPS_EVENT_LOG_URL {what}", setting="TRADEOPS_EVENT_LOG_URL")
