"""S3-compatible storage, as adapters reach it: an address, an account, time limits, and what a refusal means."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

from tradeops.domain.errors import ConfigurationError, ExternalServiceError

# A cycle waits for a value or for the lake's log, and an event for the cycle: recover.LAST_ATTEMPT_SECONDS and one
# of these, after the online store's limit, are less than 10 s. Whole data files are waited for by nobody but loads.
CONNECT_SECONDS: Final = 2
SILENT_SECONDS: Final = 2
LOG_SECONDS: Final = 4
CALL_SECONDS: Final = 10
MOST_RETRIES: Final = 2
LONGEST_REASON: Final = 300

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^?#]*?))?/?")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# As the services and their clients word it.
_REFUSALS = re.compile(
    r"access.?denied|invalid.?access.?key|signature.?does.?not.?match|no.?such.?bucket|forbidden"
    r"|lacked the necessary privileges",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """How to reach a storage service; its account is taken from the host's role when no key is given.

    Args:
        endpoint_url: `https://host:port` of a service that is not Amazon's.
        region: As the service names it.
        access_key_id: Public half of the key.
        secret_access_key: Secret half.

    Raises:
        ConfigurationError: A half of the key is missing, or the endpoint is no address.
    """

    endpoint_url: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if bool(self.access_key_id) != bool(self.secret_access_key):
            raise ConfigurationError("set both TRADEOPS_S3_ACCESS_KEY_ID and TRADEOPS_S3_SECRET_ACCESS_KEY, or neither")
        if self.endpoint_url and not re.fullmatch(r"https?://[^/@?#]+/?", self.endpoint_url):
            raise ConfigurationError("TRADEOPS_S3_ENDPOINT_URL is no address of a service; write https://host:port")

    def object_store_options(self) -> dict[str, str]:
        """The same for libraries that use the Rust crate `object_store`; without limits on a whole request."""
        named = {
            "aws_endpoint_url": self.endpoint_url,
            "aws_region": self.region,
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "aws_allow_http": "true" if self.endpoint_url.startswith("http://") else "",
        }
        return {name: value for name, value in named.items() if value} | {"connect_timeout": f"{CONNECT_SECONDS}s"}

    def open_file_system(self, *, silent_seconds: int = CALL_SECONDS, most_retries: int = MOST_RETRIES) -> S3FileSystem:
        """A client that threads may share; connects when it is used first.

        Args:
            silent_seconds: How long a request may get no byte across.
            most_retries: How often a failed request is sent again.
        """
        parts = urlsplit(self.endpoint_url)
        return S3FileSystem(
            access_key=self.access_key_id or None,
            secret_key=self.secret_access_key or None,
            region=self.region,
            endpoint_override=parts.netloc or None,
            scheme=parts.scheme or "https",
            connect_timeout=CONNECT_SECONDS,
            request_timeout=silent_seconds,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=1 + most_retries),
            allow_delayed_open=True,  # a small object is put in one request
        )


@dataclass(frozen=True, slots=True)
class S3Folder:
    """A bucket, and what the names of its objects begin with."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str, setting: str) -> Self:
        """Read `s3://bucket/prefix`.

        Raises:
            ConfigurationError: It is no such URL.
        """
        found = _ADDRESS.fullmatch(url)
        if found is None:
            raise ConfigurationError(
                f"{setting} is no address of a bucket; write s3://bucket/prefix, with the endpoint in "
                "TRADEOPS_S3_ENDPOINT_URL and the key in TRADEOPS_S3_ACCESS_KEY_ID and TRADEOPS_S3_SECRET_ACCESS_KEY"
            )
        return cls(found["bucket"], found["prefix"] or "")

    def path(self, *names: str) -> str:
        """Bucket and key of an object."""
        return "/".join([self.bucket, *([self.prefix] if self.prefix else []), *names])

    def url(self, *names: str) -> str:
        """The same as a URL."""
        return f"s3://{self.path(*names)}"


@contextmanager
def telling(url: str) -> Iterator[None]:
    """Errors of the storage's clients as ours; a missing object stays `FileNotFoundError`.

    Raises:
        ConfigurationError: The service knows no such bucket or account, or forbids it.
        ExternalServiceError: It does not answer in time, or with a failure of its own.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise explain(url, error) from error


def explain(url: str, error: Exception) -> ConfigurationError | ExternalServiceError:
    """What an error of any client of the storage means."""
    text = " ".join(_COLOURS.sub("", str(error)).split())
    reason, refusal = text[:LONGEST_REASON], _REFUSALS.search(text)
    if refusal is not None:
        told = f"{url} is refused ({refusal[0]}); correct the bucket or TRADEOPS_S3_*: {reason}"
        return ConfigurationError(told, url=url)
    return ExternalServiceError(f"{url} cannot be used: {reason}", url=url)
