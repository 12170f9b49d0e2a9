"""TLS and SCRAM on a real broker: what is right works, what is wrong is named within seconds."""

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from tests.servers.kafka import PASSWORD, USER, KafkaServer, find_free_ports, run_kafka
from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import ConfigurationError, ExternalServiceError
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.event_log import NewMessage
from tradeops.settings import load_settings

RAW = BARS_RAW.name
WRONG = "not the password"  # pragma: allowlist secret


@pytest.fixture(scope="module")
def server() -> Iterator[KafkaServer]:
    with run_kafka(secure=True) as found:
        yield found


def make_url(server: KafkaServer, *, password: str | None = PASSWORD, ca: Path | None = None, host: str = "") -> str:
    secret = f":{quote(password, safe='')}" if password else ""
    address = server.address.replace("127.0.0.1", host) if host else server.address
    return f"kafka+ssl://{USER}{secret}@{address}/secure?ca_file={ca or server.ca_file}&session_s=2"


@pytest.mark.parametrize("by_setting", [False, True])
def test_a_user_with_the_right_password_publishes_and_consumes(
    server: KafkaServer, by_setting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_URL", make_url(server, password=None if by_setting else PASSWORD))
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_PASSWORD", PASSWORD if by_setting else "")
    with open_event_log(load_settings().event_log_url) as log:
        log.append([NewMessage(topic=RAW, key="A", value=b"1"), NewMessage(topic=RAW, key="A", value=b"2")])
        with log.open_consumer(f"by setting {by_setting}", [RAW]) as consumer, log.hold("one"):
            assert [message.value for message in consumer.poll()][-2:] == [b"1", b"2"]
            consumer.commit([NewMessage(topic=BARS_RAW.dead_letters, key="A", value=b"3")])


def check_refused(url: str, says: str, kind: type[Exception] = ConfigurationError) -> None:
    impatient = f"{url}{'&' if '?' in url else '?'}session_s=1&patience_s=2"
    with pytest.raises(kind, match=says) as caught:
        open_event_log(impatient)
    for secret in (PASSWORD, WRONG):
        assert secret not in str(caught.value) and quote(secret) not in str(caught.value)


def test_a_wrong_password_is_refused_naming_the_user(server: KafkaServer) -> None:
    check_refused(make_url(server, password=WRONG), f"refuses user {USER}.*password")


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
        with open_event_log(make_url(server)) as log:
            log.append([NewMessage(topic=RAW, key="A", value=b"1")])
    finally:
        logging.getLogger("kafka").removeHandler(caplog.handler)
        logging.getLogger("kafka").setLevel(logging.NOTSET)
    assert "KafkaAdminClient" in caplog.text
    assert PASSWORD not in caplog.text and quote(PASSWORD, safe="") not in caplog.text
