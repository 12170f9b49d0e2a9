"""Versions of what decides, and the kill switch."""

from tradeops.adapters.ledger_sqlalchemy.chain import (
    CONFIGURATION_STREAM,
    NewEntry,
    append_entry,
    find_newest_payload,
    find_payload,
    read_head,
)
from tradeops.adapters.ledger_sqlalchemy.part import LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import KillSwitchSetting, Kind, encode_payload
from tradeops.domain.bundles import Bundle
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId, BundleId, PolicyVersion
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.recorded_policy import decode_policy
from tradeops.domain.verdicts import KillSwitch


class SqlConfiguration(LedgerPart):
    """`Configuration` on a database."""

    def record_policy(self, policy: TradingPolicy) -> None:
        """Keep a policy version; once."""
        self._keep(Kind.POLICY, policy.version, policy)

    def policy(self, version: PolicyVersion) -> TradingPolicy:
        """A recorded policy; see the port."""
        return decode_policy(version, self._get(Kind.POLICY, version))

    def record_bundle(self, bundle: Bundle) -> None:
        """Keep a bundle; once."""
        self._keep(Kind.BUNDLE, bundle.bundle_id, bundle)

    def bundle(self, bundle_id: BundleId) -> Bundle:
        """A recorded bundle; see the port."""
        return decode_canonical(Bundle, self._get(Kind.BUNDLE, bundle_id))

    def kill_switch(self, book_id: BookId) -> KillSwitch:
        """The level in force; `off` if nobody ever set one."""
        with self._connection.read() as connection:
            payload = find_newest_payload(connection, book_id.stream, Kind.KILL_SWITCH)
        return decode_canonical(KillSwitchSetting, payload).level if payload else KillSwitch.OFF

    def set_kill_switch(self, book_id: BookId, level: KillSwitch, *, person: str, reason: str) -> None:
        """Append a level with who set it and why."""
        payload = encode_payload(KillSwitchSetting(level=level, person=person, reason=reason))
        stream = book_id.stream
        with self._write(stream) as connection:
            # Each setting is an entry of its own, so its key is its place; zeros make text sort as numbers.
            key = f"{read_head(connection, stream).sequence + 1:012d}"
            append_entry(connection, NewEntry(stream=stream, kind=Kind.KILL_SWITCH, key=key, payload=payload))

    def _keep(self, kind: Kind, key: str, value: object) -> None:
        with self._write(CONFIGURATION_STREAM) as connection:
            if find_payload(connection, CONFIGURATION_STREAM, kind, key) is None:
                payload = encode_payload(value)
                append_entry(connection, NewEntry(stream=CONFIGURATION_STREAM, kind=kind, key=key, payload=payload))

    def _get(self, kind: Kind, key: str) -> str:
        with self._connection.read() as connection:
            payload = find_payload(connection, CONFIGURATION_STREAM, kind, key)
        if payload is None:
            raise UnknownRecord(f"no {kind.value} {key} is recorded", kind=kind.value, key=key)
        return payload
