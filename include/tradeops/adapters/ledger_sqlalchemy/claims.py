"""Who may run a cycle: rows that change, and an entry for each epoch granted."""

from sqlalchemy import Connection, bindparam, insert, select, update

from tradeops.adapters.ledger_sqlalchemy.chain import MARKET_STREAM, NewEntry, append_entry, read_head
from tradeops.adapters.ledger_sqlalchemy.database_clock import read_clock
from tradeops.adapters.ledger_sqlalchemy.part import AnyRow, LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import ClaimGrant, Kind, encode_payload
from tradeops.adapters.ledger_sqlalchemy.tables import CLAIMS
from tradeops.adapters.liveness import is_dead
from tradeops.domain.canonical import to_plain
from tradeops.domain.claims import Claim, ClaimRequest, Owner
from tradeops.domain.errors import CycleHeld, StaleEpoch
from tradeops.domain.identifiers import BookId
from tradeops.domain.lifecycle import CYCLE_STEPS, CycleState, advance
from tradeops.domain.market import Watermark

_BY_TIME = select(CLAIMS).where(CLAIMS.c.stream == bindparam("stream"), CLAIMS.c.as_of == bindparam("as_of"))
_BY_CYCLE = select(CLAIMS).where(CLAIMS.c.cycle_id == bindparam("cycle_id"))
_INSERT = insert(CLAIMS)
_CHANGE = update(CLAIMS).where(CLAIMS.c.cycle_id == bindparam("which"))


class SqlCycleClaims(LedgerPart):
    """`CycleClaims` on a database."""

    def claim_cycle(self, request: ClaimRequest) -> Claim:
        """Claim the one cycle of (account, stage, run, as_of); see the port."""
        with self._write(request.book_id.stream) as connection:
            key = {"stream": request.book_id.stream, "as_of": request.as_of}
            row = connection.execute(_BY_TIME, key).one_or_none()
            if row is None:
                return _claim_first(connection, request)
            if row.state == CycleState.CLOSED:
                return _read_claim(row, request.book_id)
            return _claim_again(connection, request, row)

    def renew_claim(self, claim: Claim) -> None:
        """Extend the claim's life; see the port."""
        with self._write(claim.book_id.stream) as connection:
            row = check_epoch(connection, claim)
            if row.state != CycleState.CLOSED:
                expires_at = read_clock(connection) + row.ttl_seconds
                connection.execute(_CHANGE, {"which": claim.cycle_id, "expires_at": expires_at})


def check_epoch(connection: Connection, claim: Claim) -> AnyRow:
    """The claim's row.

    Raises:
        StaleEpoch: The row has another epoch, or there is none.
    """
    row = connection.execute(_BY_CYCLE, {"cycle_id": claim.cycle_id}).one_or_none()
    if row is None or row.epoch != claim.epoch:
        newest = row.epoch if row else None
        raise StaleEpoch(
            f"cycle {claim.cycle_id[:12]} stands at epoch {newest}, not at {claim.epoch}; this owner may write no more",
            epoch=claim.epoch,
            newest=newest,
        )
    return row


def refuse_closed(row: AnyRow) -> None:
    """Nobody writes for a closed cycle.

    Raises:
        StaleEpoch: The cycle is closed.
    """
    if row.state == CycleState.CLOSED:
        raise StaleEpoch(f"cycle {row.cycle_id[:12]} is closed; its last epoch lets nobody write", epoch=row.epoch)


def move_cycle(connection: Connection, row: AnyRow, after: CycleState) -> None:
    """Take a cycle one step on.

    Raises:
        IllegalTransition: There is no such step.
    """
    advance(CYCLE_STEPS, CycleState(row.state), after)
    connection.execute(_CHANGE, {"which": row.cycle_id, "state": after.value})


def _claim_first(connection: Connection, request: ClaimRequest) -> Claim:
    watermark = Watermark(
        market=read_head(connection, MARKET_STREAM).sequence,
        ledger=read_head(connection, request.book_id.stream).sequence,
    )
    claim = Claim(
        cycle_id=request.cycle_id,
        book_id=request.book_id,
        session=request.session,
        epoch=1,
        state=CycleState.CLAIMED,
        watermark=watermark,
        bundle=request.bundle,
        universe_version=request.universe_version,
    )
    connection.execute(_INSERT, {**_identity_columns(claim, request), **_holder_columns(connection, request, 1)})
    _append_grant(connection, request, claim)
    return claim


def _claim_again(connection: Connection, request: ClaimRequest, row: AnyRow) -> Claim:
    owner = Owner(host=row.owner_host, pid=row.owner_pid, started=row.owner_started)
    held = owner != request.owner and row.expires_at > read_clock(connection)
    if held and not is_dead(owner):
        raise CycleHeld(
            f"cycle {row.cycle_id[:12]} of {request.book_id} is run by {owner}; wait for it",
            cycle_id=row.cycle_id,
            owner=str(owner),
        )
    epoch = row.epoch + 1
    connection.execute(_CHANGE, {"which": row.cycle_id, **_holder_columns(connection, request, epoch)})
    claim = _read_claim(row, request.book_id, epoch)
    _append_grant(connection, request, claim)
    return claim


def _read_claim(row: AnyRow, book_id: BookId, epoch: int | None = None) -> Claim:
    return Claim(
        cycle_id=row.cycle_id,
        book_id=book_id,
        session=row.session,
        epoch=epoch or row.epoch,
        state=CycleState(row.state),
        watermark=Watermark(market=row.watermark_market, ledger=row.watermark_ledger),
        bundle=row.bundle,
        universe_version=row.universe_version,
    )


def _identity_columns(claim: Claim, request: ClaimRequest) -> dict[str, object]:
    return {
        "stream": claim.book_id.stream,
        "as_of": request.as_of,
        "cycle_id": claim.cycle_id,
        "session": claim.session,
        "bundle": claim.bundle,
        "universe_version": claim.universe_version,
        "watermark_market": claim.watermark.market,
        "watermark_ledger": claim.watermark.ledger,
        "state": claim.state.value,
    }


def _holder_columns(connection: Connection, request: ClaimRequest, epoch: int) -> dict[str, object]:
    return {
        "epoch": epoch,
        "owner_host": request.owner.host,
        "owner_pid": request.owner.pid,
        "owner_started": request.owner.started,
        "ttl_seconds": request.ttl_seconds,
        "expires_at": read_clock(connection) + request.ttl_seconds,
    }


def _append_grant(connection: Connection, request: ClaimRequest, claim: Claim) -> None:
    grant = ClaimGrant(
        cycle_id=claim.cycle_id,
        session=claim.session,
        as_of=request.as_of,
        bundle=claim.bundle,
        universe_version=claim.universe_version,
        watermark=claim.watermark,
        owner=request.owner,
    )
    key = f"{to_plain(request.as_of)}/{claim.epoch:06d}"
    append_entry(
        connection,
        NewEntry(
            stream=claim.book_id.claims_stream,
            kind=Kind.CLAIM,
            key=key,
            payload=encode_payload(grant),
            epoch=claim.epoch,
        ),
    )
