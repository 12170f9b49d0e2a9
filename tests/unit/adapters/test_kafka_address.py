"""What a `kafka://` URL may say, and that nothing of it that is secret is ever shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.adapters.event_log_kafka import KafkaAddress
from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import ConfigurationError
from tradeops.settings import load_settings

SECRET = "o p/e@n:s%esame"  # noqa: S105  # pragma: allowlist secret
ENCODED = "o%20p%2Fe%40n%3As%25esame"


def test_every_part_is_read() -> None:
    url = (
        f"kafka+ssl://al%40ice:{ENCODED}@a.example:9092,[::1]:9093/desk-1?ca_file=/etc/ca.pem&session_s=6&patience_s=40"
    )
    found = KafkaAddress.parse(f"{url}&sasl_mechanism=SCRAM-SHA-256")
    assert found == KafkaAddress(
        servers=("a.example:9092", "[::1]:9093"),
        prefix="desk-1",
        encrypted=True,
        user="al@ice",
        password=SECRET,
        ca_file="/etc/ca.pem",
        mechanism="SCRAM-SHA-256",
        session_s=6,
        patience_s=40,
    )


def test_names_bear_the_prefix_where_there_is_one() -> None:
    assert KafkaAddress.parse("kafka://a:1").name("market.bars") == "market.bars"
    assert KafkaAddress.parse("kafka://a:1/desk").name("market.bars") == "desk.market.bars"


@pytest.mark.parametrize("url", ["kafka+ssl://u@a:1/x?session_s=6", f"kafka+ssl://u:{ENCODED}@a:1/x?session_s=6"])
def test_a_password_comes_from_the_setting_when_the_url_has_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_URL", url)
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_PASSWORD", SECRET if "u@" in url else "not this one")
    settings = load_settings()
    address = KafkaAddress.parse(settings.event_log_url)
    assert (address.user, address.password, address.prefix, address.session_s) == ("u", SECRET, "x", 6)
    for shown in (repr(settings), str(settings)):
        assert SECRET not in shown and ENCODED not in shown


def test_a_password_without_a_user_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_PASSWORD", SECRET)
    assert load_settings().event_log_url.startswith("sqlite:///")
    monkeypatch.setenv("TRADEOPS_EVENT_LOG_URL", "kafka://a:1/x")
    assert load_settings().event_log_url == "kafka://a:1/x"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("kafka://", "host:port"),
        ("kafka://a", "host:port"),
        ("kafka://a:1,", "host:port"),
        ("kafka://a:1/one/two", "prefix"),
        ("kafka://a:1/öl", "prefix"),
        (f"kafka://u:{ENCODED}@a:1", "plain text"),
        ("kafka://a:1?ca_file=/x", "TLS"),
        ("kafka+ssl://u@a:1", "TRADEOPS_EVENT_LOG_PASSWORD"),
        (f"kafka+ssl://u:{ENCODED}@a:1?sasl_mechanism=GSSAPI", "SCRAM-SHA-512"),
        (f"kafka+ssl://u:{ENCODED}@a:1?pasword={ENCODED}", "options"),
        ("kafka://a:1?session_s=0.5", "session_s"),
        ("kafka://a:1?session_s=60", "session_s <= patience_s"),
        ("kafka://a:1?patience_s=soon", "seconds"),
    ],
)
def test_what_cannot_be_used_is_refused_naming_what_to_change(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        open_event_log(url)
    assert not any(secret in str(caught.value) for secret in (SECRET, ENCODED))


@given(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=12))
def test_no_password_is_shown(password: str) -> None:
    address = KafkaAddress.parse(f"kafka+ssl://user:{password}@host:9093/x?sasl_mechanism=PLAIN")
    assert address.password == password
    for shown in (repr(address), str(address), f"{address}"):
        assert password not in shown


def test_other_schemes_are_refused_naming_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite, kafka, kafka\+ssl"):
        open_event_log("amqp://a:1")
