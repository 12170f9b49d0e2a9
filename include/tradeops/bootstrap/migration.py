"""Brings every store that has a schema to the present one, before anything that uses it starts."""

from collections.abc import Iterator

from graphs.checkpoints import prepare_checkpoints
from tradeops.bootstrap.breakers import prepare_board
from tradeops.bootstrap.broker import prepare_broker
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.bootstrap.model_registry import prepare_model_registry
from tradeops.settings import Settings


def migrate_installation(settings: Settings) -> Iterator[str]:
    """Prepare store after store; harmless when repeated, and when several do it at once.

    Yields:
        The name of each store that is ready.

    Raises:
        ConfigurationError: An address cannot be used, or a newer version of this program wrote the store.
        ExternalServiceError: A store does not answer.
    """
    open_ledger_by_url(settings.ledger_url).close()
    yield "ledger"
    prepare_broker(settings.broker_url)
    yield "paper broker"
    prepare_board(settings)
    yield "breakers"
    prepare_checkpoints(settings.checkpoints_url)
    yield "checkpoints"
    prepare_model_registry(settings.registry_url, settings.state_dir / "mlflow" / "artifacts")
    yield "model registry"
