"""Keeps what cannot be processed, shows it, and sends it again once its cause is mended.

A letter lies on the dead-letter topic of its message's topic: its value is the message's original bytes, the rest is
in headers.
"""

from tradeops.services.dead_letters.letter_headers import ATTEMPTS
from tradeops.services.dead_letters.make_letter import is_of_message, make_dead_letter
from tradeops.services.dead_letters.read_letters import OPEN, find_dead_letter, list_dead_letters
from tradeops.services.dead_letters.settle_letters import discard_dead_letters, redrive_dead_letters

__all__ = [
    "ATTEMPTS",
    "OPEN",
    "discard_dead_letters",
    "find_dead_letter",
    "is_of_message",
    "list_dead_letters",
    "make_dead_letter",
    "redrive_dead_letters",
]
