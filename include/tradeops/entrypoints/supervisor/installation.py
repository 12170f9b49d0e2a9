"""The state folder of an installation: its lock, its secrets, its removal."""

import base64
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tradeops.domain.errors import ConfigurationError

OPERATOR = "admin"
SERVICE_ACCOUNT = "tradeops_tasks"
_MARK = "supervisor.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What Airflow's processes of one installation share."""

    jwt_secret: str
    api_secret_key: str
    fernet_key: str
    operator_password: str
    service_password: str


@contextmanager
def hold_state_dir(state_dir: Path) -> Iterator[None]:
    """Keep every other run away from a state folder; made when missing, for its owner only.

    Raises:
        ConfigurationError: Another run holds it.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state_dir / _MARK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise ConfigurationError(f"a run lives in {state_dir} (process {owner}): stop it first") from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def remove_state(state_dir: Path) -> None:
    """Remove a state folder that no run lives in.

    Raises:
        ConfigurationError: A run lives in it, or the folder was not made by us.
    """
    if not state_dir.exists():
        return
    if not (state_dir / _MARK).exists():
        raise ConfigurationError(f"{state_dir} holds no {_MARK}: it is not a state folder, remove it by hand")
    with hold_state_dir(state_dir):
        shutil.rmtree(state_dir)


def load_secrets(folder: Path) -> Secrets:
    """Read an installation's secrets, drawn at random the first time.

    Args:
        folder: Airflow's home in the state folder.
    """
    kept = folder / "secrets.json"
    if not kept.exists():
        _write_private(kept, _draw_secrets())
    found = Secrets(**json.loads(kept.read_text()))
    passwords = {OPERATOR: found.operator_password, SERVICE_ACCOUNT: found.service_password}
    _write_private(folder / "passwords.json", passwords)
    return found


def write_credentials(path: Path, drawn: Secrets) -> None:
    """Write the account that tasks use to annotate their own run."""
    _write_private(path, {"username": SERVICE_ACCOUNT, "password": drawn.service_password})


def _draw_secrets() -> dict[str, str]:
    return {
        "jwt_secret": secrets.token_urlsafe(64),
        "api_secret_key": secrets.token_urlsafe(48),
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "operator_password": secrets.token_urlsafe(12),
        "service_password": secrets.token_urlsafe(32),
    }


def _write_private(path: Path, content: dict[str, str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    fresh.replace(path)
