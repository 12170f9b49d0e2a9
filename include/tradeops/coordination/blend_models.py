"""Which blend a model reference names."""

from tradeops.coordination.blend import BlendModel, PriorBlend
from tradeops.coordination.boosted_blend import BoostedBlend, decode_blender
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import ValueRef
from tradeops.domain.models import BLENDER, PRIOR_BLEND, ModelRef
from tradeops.ports.value_store import ValueStore


def load_blend_model(model: ModelRef, values: ValueStore) -> BlendModel:
    """The blend by its reference; takes milliseconds, so callers keep it.

    Raises:
        ConfigurationError: The reference is of no known kind.
        UnknownRecord: Nothing is stored under its hash.
        CorruptInput: What is stored is no blender.
    """
    if model == PRIOR_BLEND:
        return PriorBlend()
    if not model.startswith(BLENDER):
        raise ConfigurationError(f"model {model!r} is neither {PRIOR_BLEND} nor {BLENDER}<hash>", model=model)
    return BoostedBlend(decode_blender(values.get(ValueRef(model.removeprefix(BLENDER)))))
