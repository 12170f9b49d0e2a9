"""The ledger's backup: a file and a manifest that says what it must hold."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tradeops.domain.canonical import encode_canonical
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import ConfigurationError, CorruptInput
from tradeops.ports.ledger import ChainHead
from tradeops.ports.ledger_copies import LedgerCopies

MANIFEST, CONTENT = "manifest.json", "ledger.backup"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a backup holds.

    Args:
        kind: Of the database that it was taken from.
        taken_at: Aware UTC time at which somebody asked for it.
        digest: SHA-256 of the file, in hexadecimal.
        heads: Where each chain ends.
    """

    kind: str
    taken_at: datetime
    digest: str
    heads: tuple[ChainHead, ...]

    @property
    def entries(self) -> int:
        """Number of entries in all chains."""
        return sum(head.sequence for head in self.heads)


def back_up_ledger(copies: LedgerCopies, folder: Path, *, at: datetime) -> Backup:
    """Write a backup to a folder of its own; others may go on writing to the ledger.

    The manifest is written last: a folder without one holds no backup.

    Raises:
        ConfigurationError: The folder has a backup already.
        ExternalServiceError: The database failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty; name a new folder for each backup")
    heads = copies.take(folder / CONTENT)
    backup = Backup(kind=copies.kind, taken_at=at, digest=_hash_file(folder / CONTENT), heads=heads)
    (folder / MANIFEST).write_bytes(encode_canonical(backup))
    return backup


def restore_ledger(copies: LedgerCopies, folder: Path) -> Backup:
    """Make the ledger, which must not be there yet, from a backup, and check that all of it is there.

    Raises:
        ConfigurationError: The folder holds no backup, or one of another kind of database.
        CorruptInput: The backup is not what its manifest says.
        ExternalServiceError: The database failed.
    """
    backup = _read_manifest(folder)
    if backup.kind != copies.kind:
        raise ConfigurationError(f"{folder} holds a ledger of {backup.kind}; it cannot be brought to {copies.kind}")
    if _hash_file(folder / CONTENT) != backup.digest:
        raise CorruptInput(f"{folder / CONTENT} does not hash to what its manifest says; take another backup")
    heads = copies.bring_back(folder / CONTENT)
    if heads != backup.heads:
        raise CorruptInput(f"the ledger of {folder} does not end where its manifest says; take another backup")
    return backup


def _read_manifest(folder: Path) -> Backup:
    try:
        return decode_canonical(Backup, (folder / MANIFEST).read_text())
    except FileNotFoundError as error:
        raise ConfigurationError(f"{folder} has no {MANIFEST}: it holds no complete backup") from error


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
