"""Copies of a whole ledger, for the day on which it is lost."""

from pathlib import Path
from typing import Protocol

from tradeops.ports.ledger import ChainHead


class LedgerCopies(Protocol):
    """Takes a ledger's content out to a file and brings it back, on one kind of database."""

    @property
    def kind(self) -> str:
        """Which kind of file: a copy is brought back to the kind of database that it was taken from."""
        ...

    def take(self, file: Path) -> tuple[ChainHead, ...]:
        """Write one state of the ledger to a new file, while others go on writing; heads of its chains.

        Raises:
            ExternalServiceError: The database failed.
            ConfigurationError: A program that this needs is not installed.
        """
        ...

    def bring_back(self, file: Path) -> tuple[ChainHead, ...]:
        """Make the ledger, which must not be there yet, from a file; heads of its chains, all recomputed.

        Raises:
            ConfigurationError: There is a ledger already, or a program that this needs is not installed.
            CorruptInput: The file's chains are not intact.
            ExternalServiceError: The database failed.
        """
        ...
