"""Which adapter a URL asks for."""

from tradeops.domain.errors import ConfigurationError


def refuse_scheme(setting: str, url: str, known: str) -> ConfigurationError:
    """The error for a URL that no adapter serves."""
    scheme = url.partition(":")[0]
    return ConfigurationError(f"{setting} has scheme {scheme!r}; known: {known}", setting=setting)
