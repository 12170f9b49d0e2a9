"""Whatever bytes a stranger writes to a topic: they are read, and written again as they were."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.adapters.event_log_kafka import KafkaAddress, records
from tradeops.adapters.event_log_kafka.records import make_record, read_record
from tradeops.domain.topics import MACRO
from tradeops.ports.event_log import NewMessage

ADDRESS = KafkaAddress.parse("kafka://broker:9092")


def check_bytes_come_back(key: bytes, value: bytes, header: bytes) -> None:
    record = SimpleNamespace(partition=0, offset=1, key=key, value=value, headers=[("h", header)])
    message = read_record(MACRO.name, record)
    again = make_record(
        ADDRESS, NewMessage(topic=message.topic, key=message.key, value=message.value, headers=message.headers)
    )
    assert (again["key"], again["value"], again["headers"]) == (key, value, [("h", header)])


@given(
    key=st.binary(max_size=8),
    value=st.binary(max_size=8),
    header=st.binary(max_size=8) | st.sampled_from([b"\xed\xb2\x80", b"\xed\xa0\x80", b"\xed\xb2\x80\xff"]),
)
def test_any_bytes_are_read_and_come_back(key: bytes, value: bytes, header: bytes) -> None:
    check_bytes_come_back(key, value, header)


@given(text=st.text(st.characters()))
def test_any_text_of_a_header_comes_back(text: str) -> None:
    made = make_record(ADDRESS, NewMessage(topic=MACRO.name, key="k", value=b"", headers={"h": text}))
    record = SimpleNamespace(partition=0, offset=1, key=b"k", value=b"", headers=made["headers"])
    assert read_record(MACRO.name, record).headers == {"h": text}


def test_what_is_missing_is_empty() -> None:
    message = read_record(
        MACRO.name, SimpleNamespace(partition=0, offset=1, key=None, value=None, headers=[("h", None)])
    )
    assert (message.key, message.value, message.headers) == ("", b"", {"h": ""})


@pytest.mark.parametrize("escaped", ["strict", "replace"])
def test_mutant_that_reads_only_text_is_found(escaped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_ESCAPED", escaped)
    with pytest.raises((AssertionError, UnicodeError)):
        check_bytes_come_back(b"\xff", b"", b"")
