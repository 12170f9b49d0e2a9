"""How the installation reaches S3-compatible storage."""

from tradeops.adapters.s3 import S3Access
from tradeops.settings import Settings


def read_s3_access(settings: Settings) -> S3Access:
    """Endpoint and account of `TRADEOPS_S3_*`.

    Raises:
        ConfigurationError: They do not fit together.
    """
    return S3Access(
        endpoint_url=settings.s3_endpoint_url,
        region=settings.s3_region,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key.get_secret_value(),
    )
