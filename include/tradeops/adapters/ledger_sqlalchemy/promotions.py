"""Who stands where, and why."""

from sqlalchemy import Connection

from tradeops.adapters.ledger_sqlalchemy.chain import (
    PROMOTIONS_STREAM,
    NewEntry,
    append_entry,
    find_payload,
    read_payloads,
)
from tradeops.adapters.ledger_sqlalchemy.part import LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import Kind, encode_payload
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.models import ModelRef, Promotion, check_promotion


class SqlPromotions(LedgerPart):
    """`Promotions` on a database."""

    def record_promotion(self, promotion: Promotion) -> None:
        """Append an entry; see the port."""
        key = _name(promotion.requested_by, promotion.model)
        with self._write(PROMOTIONS_STREAM) as connection:
            if find_payload(connection, PROMOTIONS_STREAM, Kind.PROMOTION, key) is not None:
                return
            check_promotion(promotion, _read_all(connection))
            payload = encode_payload(promotion)
            append_entry(connection, NewEntry(stream=PROMOTIONS_STREAM, kind=Kind.PROMOTION, key=key, payload=payload))

    def find_promotion(self, requested_by: str, model: ModelRef) -> Promotion | None:
        """What became of a request."""
        with self._connection.read() as connection:
            payload = find_payload(connection, PROMOTIONS_STREAM, Kind.PROMOTION, _name(requested_by, model))
        return decode_canonical(Promotion, payload) if payload else None

    def list_promotions(self) -> tuple[Promotion, ...]:
        """All entries, oldest first."""
        with self._connection.read() as connection:
            return _read_all(connection)


def _name(requested_by: str, model: ModelRef) -> str:
    # No reference of a model holds a space, so no two pairs have one name.
    return f"{model} {requested_by}"


def _read_all(connection: Connection) -> tuple[Promotion, ...]:
    return tuple(decode_canonical(Promotion, payload) for payload in read_payloads(connection, PROMOTIONS_STREAM))
