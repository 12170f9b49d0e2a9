"""Tells a PostgreSQL that refuses what is in its URL from one that is away for now."""

import re
from typing import Final

from tradeops.domain.errors import ConfigurationError

# invalid_password, invalid_authorization_specification, invalid_catalog_name
_STATES: Final = ("28P01", "28000", "3D000")

# At connect the driver knows the server's words only, here those of a server that speaks English.
_REFUSES: Final = re.compile(
    r"FATAL: .*(authentication failed for user|pg_hba\.conf|(role|database) \".*\" does not exist"
    r"|is not permitted to log in)|no password supplied"
)
_COMES_BACK: Final = "FATAL:  the database system is "  # starting up, shutting down, in recovery


def find_refusal(error: BaseException | None, address: str) -> ConfigurationError | None:
    """The setting that is to be corrected when a server refuses account, password or database; else None.

    Args:
        error: The driver's.
        address: The URL, without its password.
    """
    state, words = getattr(error, "sqlstate", None), str(error)
    if state is None and _COMES_BACK in words:
        return None
    if state in _STATES or (state is None and _REFUSES.search(words)):
        return ConfigurationError(
            f"{address} is refused: {words}; correct user, password or database in the URL, "
            "or have them made on the server",
            address=address,
        )
    return None
