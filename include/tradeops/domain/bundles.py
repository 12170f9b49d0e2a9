"""One content hash over everything that decides."""

from dataclasses import dataclass

from tradeops.domain.identifiers import BundleId, PolicyVersion, content_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Model, prompt, configuration, feature schema and code of a decision maker.

    Args:
        model: Name and version of the blend.
        prompt: Hash of the prompts; `none` where no language model judges.
        policy: Version (hash) of the trading policy.
        feature_schema: Hash of the columns that a view holds.
        code: Hash of the deciding source files and the lock.
    """

    model: str
    prompt: str
    policy: PolicyVersion
    feature_schema: str
    code: str

    @property
    def bundle_id(self) -> BundleId:
        """Hash over all parts."""
        return BundleId(content_hash(self))
