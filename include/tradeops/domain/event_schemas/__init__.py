"""What events and raw records look like on the wire: one strict model a type and version."""

from tradeops.domain.event_schemas.event_codec import decode_event, encode_event
from tradeops.domain.event_schemas.raw_validation import validate_raw

__all__ = ["decode_event", "encode_event", "validate_raw"]
