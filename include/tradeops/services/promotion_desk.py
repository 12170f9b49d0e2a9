"""Where promotions are asked for, concluded and taken back; the ledger first, the registry's aliases after it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from tradeops.domain.errors import DataError
from tradeops.domain.identifiers import ValueRef, content_hash
from tradeops.domain.models import ModelStanding, Promotion, read_standing
from tradeops.ports.model_registry import ModelRegistry
from tradeops.services.evaluate_model import ModelEvaluator
from tradeops.services.mirror_aliases import AliasDifference, find_differences, mirror_aliases
from tradeops.services.promote_model import PromotionCase, apply_promotion, evaluate_promotion, read_case
from tradeops.services.read_model_status import ModelStatus, read_model_status
from tradeops.services.roll_back_model import roll_back


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionDesk:
    """Everything that evaluating, promoting and rolling back needs.

    Args:
        evaluator: Reads both books.
        open_registry: Called where aliases are read or set, and nowhere else: a registry that cannot
            be reached stops no rollback.
    """

    evaluator: ModelEvaluator
    open_registry: Callable[[], ModelRegistry]

    def evaluate(self, version: int | None = None) -> PromotionCase:
        """Judge a staged model, or the one that is due; see `evaluate_promotion`."""
        return evaluate_promotion(self.evaluator, version=version)

    def conclude(self, evidence_ref: ValueRef, *, approver: str, approved: bool, requested_by: str) -> Promotion:
        """Record what becomes of a judged request; a canary's account opens with the next session.

        Args:
            evidence_ref: What `evaluate` stored.
            approver: Who answered, where a person is asked.
            approved: The answer.
            requested_by: The run that asks; one entry each.

        Raises:
            IllegalTransition: The model has moved since it was judged.
        """
        case = read_case(self.evaluator.values, evidence_ref, self.evaluator.policy.promotion)
        return apply_promotion(
            self.evaluator.ledger,
            case,
            approver=approver,
            approved=approved,
            requested_by=requested_by,
            opens_on=self.evaluator.calendar.next_session(self._read_clock()),
        )

    def roll_back(self, *, person: str, reason: str) -> Promotion:
        """Take live back; the same person with the same reason in the same session is the same request.

        Raises:
            LearningError: There is nothing to roll back to.
        """
        session = self._read_clock()
        request = f"rollback/{person}/{session}/{content_hash([reason])[:12]}"
        return roll_back(self.evaluator.ledger, requested_by=request, person=person, session=session, reason=reason)

    def mirror_aliases(self) -> list[AliasDifference]:
        """Set the aliases as in the ledger; what was found otherwise."""
        return mirror_aliases(self.open_registry(), self.read_standing())

    def find_differences(self) -> list[AliasDifference]:
        """Aliases that do not say what the ledger says; nothing is changed."""
        return find_differences(self.open_registry(), self.read_standing())

    def read_status(self) -> tuple[ModelStatus, ...]:
        """Who acts, since when, and how much each has decided."""
        opened = self.evaluator.policy.account.opens_on
        return read_model_status(self.evaluator.ledger, account_opens_on=opened)

    def read_history(self) -> tuple[Promotion, ...]:
        """All entries, oldest first."""
        return self.evaluator.ledger.list_promotions()

    def read_standing(self) -> ModelStanding:
        """Who stands where."""
        return read_standing(self.read_history())

    def _read_clock(self) -> date:
        clock = self.evaluator.ledger.market_clock()
        if clock is None:
            raise DataError("no history is loaded; run backfill_history first")
        return clock
