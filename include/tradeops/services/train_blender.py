"""Trains the blender on the past up to a session, registers it, and sends it into shadow; once."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date

from tradeops.domain.bundles import Bundle
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.identifiers import Stage, content_hash
from tradeops.domain.models import (
    PRIOR_BLEND,
    ModelRef,
    ModelState,
    Promotion,
    Verdict,
    name_blender,
    open_stage_book,
    read_standing,
)
from tradeops.learning.evaluate_folds import measure_walk_forward, name_metrics, walk_forward
from tradeops.learning.train_quantiles import fit_blender, measure_importance
from tradeops.learning.training_rows import TrainingRows
from tradeops.ports.ledger import Promotions
from tradeops.ports.model_registry import MODEL_FILE, ModelRegistry, RegisteredModel, TrainingRun
from tradeops.ports.value_store import ValueStore
from tradeops.services.draw_training import draw_training
from tradeops.services.gather_training_rows import TrainingHistory, gather_training_rows
from tradeops.services.mirror_aliases import mirror_aliases
from tradeops.services.promote_model import BY_RULE

OUTPUTS = tuple(f"q{round(100 * level):02d}" for level in QUANTILE_LEVELS)
EVIDENCE_KIND = "training_evidence/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedBlender:
    """A training that is done, now or earlier.

    Args:
        model: Reference of the stored model.
        version: In the registry.
        identity: Of the training.
        metrics: Out-of-fold figures by name; losses as returns.
        is_new: Whether this call trained it.
    """

    model: ModelRef
    version: int
    identity: str
    metrics: Mapping[str, float]
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BlenderTrainer:
    """What a training may touch.

    Args:
        ledger: Promotions.
        values: Where the model is stored.
        registry: Where people look at it.
        make_bundle: The bundle that a model would decide by, under the history's policy.
    """

    ledger: Promotions
    values: ValueStore
    registry: ModelRegistry
    make_bundle: Callable[[ModelRef], Bundle]

    def train(self, history: TrainingHistory, until: date) -> TrainedBlender:
        """Train, register, open the shadow's account; every step is done once, whatever is repeated.

        A training is named by its rows, the policy, the code and the range. Of one that is registered
        only what an interrupted run left undone is done.

        Args:
            history: Where the past is read.
            until: A session; no price after it is used.

        Raises:
            LearningError: There are too few sessions or rows for the policy's folds.
            UnknownRecord: A session has no features.
        """
        rows = gather_training_rows(history, until)
        identity = self._identify(rows, history, until)
        known = self.registry.find(identity)
        registered = known or self.registry.register(self._run(rows, history, identity))
        self._enter_shadow(registered, history, until)
        return TrainedBlender(
            model=registered.model,
            version=registered.version,
            identity=identity,
            metrics=registered.metrics,
            is_new=known is None,
        )

    def _identify(self, rows: TrainingRows, history: TrainingHistory, until: date) -> str:
        code = self.make_bundle(PRIOR_BLEND).code
        return content_hash([rows.data_version, history.policy.version, code, rows.sessions[0], until])

    def _run(self, rows: TrainingRows, history: TrainingHistory, identity: str) -> TrainingRun:
        policy = history.policy
        tests = walk_forward(rows, policy)
        figures = measure_walk_forward(rows, tests, policy)
        blender = fit_blender(rows.columns, rows.inputs, rows.outcome, policy.training)
        data = blender.encode()
        model = name_blender(self.values.put(data))
        importance = dict(zip(rows.columns.names, measure_importance(blender).tolist(), strict=True))
        metrics = {**name_metrics(figures), "rows": float(len(rows.outcome)), "sessions": float(len(rows.sessions))}
        return TrainingRun(
            identity=identity,
            model=model,
            parameters={name: str(value) for name, value in asdict(policy.training).items()},
            metrics=metrics,
            fold_metrics={
                "fold_pinball": tuple(fold.model for fold in tests.folds),
                "fold_pinball_prior": tuple(fold.prior for fold in tests.folds),
                "fold_rows": tuple(float(fold.rows) for fold in tests.folds),
            },
            inputs=rows.columns.names,
            outputs=OUTPUTS,
            tags=self._tags(rows, history, model),
            artifacts={
                MODEL_FILE: data,
                "folds.json": encode_canonical({"folds": tests.folds, "figures": metrics, "importance": importance}),
                **draw_training(tests.folds, figures.reliability, importance),
            },
        )

    def _tags(self, rows: TrainingRows, history: TrainingHistory, model: ModelRef) -> dict[str, str]:
        bundle = self.make_bundle(model)
        return {
            "data_version": rows.data_version,
            "first_session": rows.sessions[0].isoformat(),
            "last_session": rows.sessions[-1].isoformat(),
            "policy": history.policy.version,
            "feature_schema": bundle.feature_schema,
            "code": bundle.code,
            "bundle": bundle.bundle_id,
        }

    def _enter_shadow(self, registered: RegisteredModel, history: TrainingHistory, until: date) -> None:
        asked_by = f"train_blender:{registered.identity}"
        standing = read_standing(self.ledger.list_promotions())
        # The same model may come out of another code or range; it stands where it stood.
        if registered.model not in standing.states:
            evidence = {"kind": EVIDENCE_KIND, "identity": registered.identity, "metrics": registered.metrics}
            self.ledger.record_promotion(
                Promotion(
                    requested_by=asked_by,
                    model=registered.model,
                    version=registered.version,
                    before=ModelState.CANDIDATE,
                    after=ModelState.SHADOW,
                    verdict=Verdict.PROMOTED,
                    session=until,
                    evidence=self.values.put(encode_canonical(evidence)),
                    approver=BY_RULE,
                    previous_live=standing.live,
                    book_id=open_stage_book(Stage.SHADOW, registered.version),
                    opens_on=history.calendar.next_session(until),
                    reason="trained; every trained model is tried in shadow",
                )
            )
        mirror_aliases(self.registry, read_standing(self.ledger.list_promotions()))
