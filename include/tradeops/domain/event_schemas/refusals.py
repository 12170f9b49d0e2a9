"""What pydantic found, as one reason and one line."""

from collections.abc import Container, Mapping

from pydantic import ValidationError

from tradeops.domain.errors import InvalidRecord
from tradeops.domain.event_schemas.strict_json import refuse, show

_REASONS = {"missing": "missing_field", "extra_forbidden": "unknown_field", "literal_error": "unknown_value"}


def explain(error: ValidationError) -> InvalidRecord:
    """The first fault, naming field and value."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    reason = first["type"] if "detail" in first.get("ctx", {}) else _REASONS.get(first["type"], "wrong_type")
    message = f"{field}: {first['msg']}" if field else first["msg"]
    # A missing field has the whole record as its input, and so has a rule over several fields.
    if field and first["type"] != "missing":
        message += f"; it is {show(first['input'])}"
    return refuse(reason, message, field=field)


def find_version(found: Mapping[str, object], known: Container[int]) -> int:
    """The schema version that a record names.

    Raises:
        InvalidRecord: It names none, or one that nobody knows.
    """
    if "schema_version" not in found:
        raise refuse("missing_field", "schema_version: Field required", field="schema_version")
    version = found["schema_version"]
    if type(version) is not int or version not in known:
        raise refuse("unknown_schema_version", f"schema_version is {show(version)}", field="schema_version")
    return version
