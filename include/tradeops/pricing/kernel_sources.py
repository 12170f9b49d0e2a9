"""What compiled kernels were made from.

numba's cache notices that the file of a cached kernel changed, not that a file it calls into did. Cached
kernels that call into other files are therefore made by functions that get this hash and refer to it: what
a closure refers to is part of the cache's key.
"""

import hashlib
from pathlib import Path

from tradeops.domain.errors import ConfigurationError


def hash_kernels(folder: Path) -> str:
    """SHA-256 (hex) over the kernel files of a folder.

    Raises:
        ConfigurationError: The folder holds none.
    """
    paths = sorted(folder.glob("*kernels.py"))
    if not paths:
        raise ConfigurationError(f"{folder} holds no kernel sources: install the package with its .py files")
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


KERNEL_SOURCES = hash_kernels(Path(__file__).parent)
