"""TLS and SCRAM on a real broker: what is right works, what is wrong is named within seconds."""

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from kafka.errors import KafkaTimeoutError

from tests.contract.event_log_processes import open_log
from tests.contract.test_event_log import drain
from tests.servers.kafka import PASSWORD, USER, KafkaServer, find_free_ports, run_kafka
from tradeops.adapters.event_log_kafka import KafkaAddress
from tradeops.adapters.event_log_kafka.probe import find_cause
from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, TradeOpsError
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.event_log import NewMessage
from tradeops.settings import load_settings

RAW = BARS_RAW.name
ASK_SECONDS = 120.0
WRONG = "not the password"  # pragma: allowlist secret


@pytest.fixture(scope="module")
def server() -> Iterator[KafkaServer]:
    with run_kafka(secure=True) as found:
        open_log(make_url(found)).close()  # its port opens before it answers, and its first answers are late
        yield found


def make_url(server: KafkaServer, *, password: str | None = PASSWORD, ca: Path | None = None, host: str = "") -> str:
    secret = f":{quote(password, safe='')}" if password else ""
    address = server.address.replace("127.0.0.1", host) if host else server.address
    return f"kafka+ssl://{USER}{secret}@{address}/secure?ca_file={ca or server.ca_file}&session_s=60&patience_s=120"


@pytest.mark.parametrize("by_setting", [False, True])
def test_a_user_with_the_right_password_publishes_and_consumes(
    server: KafkaServer, by_setting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_URL", make_url(server, password=None if by_setting else PASSWORD))
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_PASSWORD", PASSWORD if by_setting else "")
    with open_log(load_settings().event_log_url) as log:
        log.append([NewMessage(topic=RAW, key="A", value=b"1"), NewMessage(topic=RAW, key="A", value=b"2")])
        with log.open_consumer(f"by setting {by_setting}", [RAW]) as consumer, log.hold("one"):
            assert [message.value for message in drain(consumer)][-2:] == [b"1", b"2"]
            consumer.commit([NewMessage(topic=BARS_RAW.dead_letters, key="A", value=b"3")])


def check_refused(url: str, says: str, kind: type[TradeOpsError] = ConfigurationError) -> None:
    error = find_refusal(f"{url}{'&' if '?' in url else '?'}session_s=1&patience_s=2", kind)
    assert isinstance(error, kind) and re.search(says, str(error)), error
    for secret in (PASSWORD, WRONG):
        assert secret not in str(error) and quote(secret) not in str(error)


def find_refusal(url: str, kind: type[TradeOpsError]) -> TradeOpsError:
    """What opening it raises; a broker that is only too slow to say what is wrong is asked again."""
    until = time.monotonic() + ASK_SECONDS
    while True:
        with pytest.raises(TradeOpsError) as caught:
            open_event_log(url)
        if isinstance(caught.value, kind) or not caught.value.retryable or time.monotonic() > until:
            return caught.value


def test_a_wrong_password_is_refused_naming_the_user(server: KafkaServer) -> None:
    check_refused(make_url(server, password=WRONG), f"refuses user {USER}.*password")


def test_a_right_password_is_not_called_wrong_when_a_client_gave_up(server: KafkaServer) -> None:
    address = KafkaAddress.parse(make_url(server))
    cause = find_cause(address, KafkaTimeoutError("slow"))
    assert isinstance(cause, ExternalServiceError) and cause.retryable
    assert "password" not in str(cause)


def test_a_mechanism_that_the_broker_does_not_offer_is_named(server: KafkaServer) -> None:
    check_refused(f"{make_url(server)}&sasl_mechanism=SCRAM-SHA-256", "refuses user.*sasl_mechanism.*SHA-256")


def test_a_client_without_login_is_refused(server: KafkaServer) -> None:
    check_refused(f"kafka+ssl://{server.address}?ca_file={server.ca_file}", "give user and password")


def test_a_certificate_that_nobody_vouches_for_is_refused(server: KafkaServer, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    check_refused(make_url(server, ca=stranger), "not trusted.*ca_file")
    check_refused(make_url(server).split("?", maxsplit=1)[0], "not trusted.*ca_file")


def test_another_host_name_than_the_certificates_is_refused(server: KafkaServer) -> None:
    check_refused(make_url(server, host="localhost"), "not trusted")


def test_a_missing_file_of_authorities_is_named(server: KafkaServer, tmp_path: Path) -> None:
    check_refused(make_url(server, ca=tmp_path / "none.pem"), "no ca_file.*none.pem")
    (tmp_path / "empty.pem").touch()
    check_refused(make_url(server, ca=tmp_path / "empty.pem"), "no certificate")


def test_plain_text_at_a_port_of_tls_is_refused_naming_the_scheme(server: KafkaServer) -> None:
    check_refused(f"kafka://{server.address}", r"speaks TLS: use kafka\+ssl://")


def test_tls_at_a_port_of_plain_text_is_refused_naming_the_scheme(kafka_server: str, server: KafkaServer) -> None:
    plain = kafka_server.removeprefix("kafka://")
    check_refused(f"kafka+ssl://{plain}?ca_file={server.ca_file}", "does not speak TLS: use kafka://")


def test_a_port_where_nobody_listens_may_be_tried_again() -> None:
    (port,) = find_free_ports(1)
    check_refused(f"kafka://127.0.0.1:{port}", "no connection.*is up", ExternalServiceError)


def test_nothing_secret_is_logged_even_when_debugging(server: KafkaServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("kafka").setLevel(logging.DEBUG)
    logging.getLogger("kafka").addHandler(caplog.handler)
    try:
        with open_log(make_url(server)) as log:
            log.append([NewMessage(topic=RAW, key="A", value=b"1")])
    finally:
        logging.getLogger("kafka").removeHandler(caplog.handler)
        logging.getLogger("kafka").setLevel(logging.NOTSET)
    assert "KafkaAdminClient" in caplog.text
    assert PASSWORD not in caplog.text and quote(PASSWORD, safe="") not in caplog.text
