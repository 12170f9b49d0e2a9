"""Servers that are there already, named by `TRADEOPS_TEST_<NAME>_URL`, used instead of ones that the tests start."""

import os

_ASKED, _KEPT = "TRADEOPS_TEST_", "GIVEN_SERVER_"

# Renamed before anybody deletes them: the product refuses `TRADEOPS_` variables that it does not know, and
# workers of a test run inherit the environment.
for _name in [name for name in os.environ if name.startswith(_ASKED)]:
    os.environ[_KEPT + _name.removeprefix(_ASKED)] = os.environ.pop(_name)


def given_url(name: str) -> str | None:
    """The URL of `TRADEOPS_TEST_<NAME>_URL`, in the tests' own process and their children."""
    return os.environ.get(f"{_KEPT}{name}_URL")
