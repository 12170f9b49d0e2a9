"""Random numbers that depend on what they are for and on nothing else."""

import hashlib

from numpy.random import Generator, Philox

from tradeops.domain.canonical import encode_canonical
from tradeops.domain.identifiers import CycleId

KEY_BYTES = 16  # Philox4x64 takes a key of 128 bits


def draw_uniform(cycle_id: CycleId, step: str, item: int) -> float:
    """A number in [0, 1) for one draw of one step of one cycle.

    The key of a fresh Philox generator is the first 16 bytes, little-endian, of the SHA-256 of the
    canonical bytes of `[cycle_id, step, item]`; there is no stream that two draws could share.

    Args:
        cycle_id: The cycle.
        step: Name of the step that draws.
        item: Number of the draw within the step.
    """
    digest = hashlib.sha256(encode_canonical([cycle_id, step, item])).digest()
    key = int.from_bytes(digest[:KEY_BYTES], "little")
    return float(Generator(Philox(key=key)).random())
