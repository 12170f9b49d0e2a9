"""Who stands where: an audited chain of entries with legal steps only."""

import multiprocessing as mp
import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.contract.databases import behind_its_back, change
from tests.contract.examples import session_after
from tests.contract.ledger_processes import race_to_promote
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, open_ledger
from tradeops.domain.errors import CorruptInput, IllegalTransition
from tradeops.domain.identifiers import Stage, ValueRef
from tradeops.domain.models import (
    PRIOR_BLEND,
    ModelState,
    Promotion,
    Verdict,
    name_blender,
    open_stage_book,
    read_standing,
)
from tradeops.ports.ledger import Ledger

MODEL, OTHER = name_blender(ValueRef("a" * 64)), name_blender(ValueRef("b" * 64))

TO_SHADOW = Promotion(
    requested_by="train_blender/1",
    model=MODEL,
    version=1,
    before=ModelState.CANDIDATE,
    after=ModelState.SHADOW,
    verdict=Verdict.PROMOTED,
    session=session_after(3),
    evidence=ValueRef("e" * 64),
    approver="rule",
    previous_live=PRIOR_BLEND,
    book_id=open_stage_book(Stage.SHADOW, 1),
    opens_on=session_after(4),
)
STAYED = replace(
    TO_SHADOW,
    requested_by="promote_models/1",
    before=ModelState.SHADOW,
    verdict=Verdict.STAYED,
    book_id=None,
    opens_on=None,
)
TO_CANARY = replace(
    TO_SHADOW,
    requested_by="promote_models/2",
    before=ModelState.SHADOW,
    after=ModelState.CANARY,
    book_id=open_stage_book(Stage.CANARY, 1),
)
TO_LIVE = replace(
    STAYED,
    requested_by="promote_models/3",
    before=ModelState.CANARY,
    after=ModelState.LIVE,
    verdict=Verdict.PROMOTED,
    approver="ann",
)
BACK = replace(
    TO_LIVE,
    requested_by="ann/1",
    model=PRIOR_BLEND,
    version=0,
    before=ModelState.RETIRED,
    verdict=Verdict.ROLLED_BACK,
    evidence=None,
    previous_live=MODEL,
)
WAY = (TO_SHADOW, STAYED, TO_CANARY, TO_LIVE, BACK)
SPAWN = mp.get_context("spawn")


def record(ledger: Ledger, *entries: Promotion) -> None:
    for entry in entries:
        ledger.record_promotion(entry)


def test_entries_are_listed_in_the_order_recorded_and_fold_to_the_standing(ledger: Ledger) -> None:
    assert ledger.list_promotions() == ()
    record(ledger, *WAY)

    assert ledger.list_promotions() == WAY
    assert read_standing(ledger.list_promotions()).live == PRIOR_BLEND
    assert [(head.stream, head.sequence) for head in ledger.chain_heads()] == [("promotions", 5)]
    ledger.verify_chains()


def test_same_request_for_the_same_model_is_one_entry(ledger: Ledger) -> None:
    record(ledger, *WAY, TO_SHADOW, TO_CANARY, BACK)

    assert ledger.list_promotions() == WAY
    assert ledger.find_promotion("promote_models/2", MODEL) == TO_CANARY
    assert ledger.find_promotion("promote_models/2", OTHER) is None
    assert ledger.find_promotion("promote_models/9", MODEL) is None


def test_one_request_may_speak_of_two_models(ledger: Ledger) -> None:
    second = replace(TO_SHADOW, model=OTHER, version=2, book_id=open_stage_book(Stage.SHADOW, 2))
    record(ledger, TO_SHADOW, second)

    assert ledger.list_promotions() == (TO_SHADOW, second)


def check_steps_are_legal(ledger: Ledger) -> None:
    """Nobody skips a stage, leaves a stage where it does not stand, or acts on an old standing."""
    record(ledger, TO_SHADOW)
    for entry in (
        replace(TO_LIVE, before=ModelState.SHADOW),  # skips the canary
        TO_LIVE,  # stands at shadow, not at canary
        replace(TO_SHADOW, requested_by="again"),  # is no candidate any more
        replace(STAYED, before=ModelState.CANARY, after=ModelState.CANARY),
        replace(TO_CANARY, model=OTHER),  # nobody registered it
    ):
        with pytest.raises(IllegalTransition):
            ledger.record_promotion(entry)
    record(ledger, TO_CANARY)
    with pytest.raises(IllegalTransition, match="acts live"):
        ledger.record_promotion(replace(TO_LIVE, previous_live=OTHER))
    assert ledger.list_promotions() == (TO_SHADOW, TO_CANARY)


def test_illegal_steps_are_refused_and_write_nothing(ledger: Ledger) -> None:
    check_steps_are_legal(ledger)


def test_mutant_that_checks_no_step_is_found(sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = "tradeops.adapters.ledger_sqlalchemy.promotions.check_promotion"
    monkeypatch.setattr(checked, lambda _promotion, _recorded: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_steps_are_legal(sql_ledger)


def test_what_one_process_recorded_another_reads(ledger_url: str) -> None:
    with open_ledger(ledger_url) as first, open_ledger(ledger_url) as second:
        record(first, TO_SHADOW)
        record(second, STAYED)
        assert first.list_promotions() == second.list_promotions() == (TO_SHADOW, STAYED)


def test_two_processes_that_promote_at_once_make_one_step(ledger_url: str) -> None:
    with open_ledger(ledger_url) as ledger:
        record(ledger, TO_SHADOW)
    outcomes = SPAWN.Queue()
    start_at = time.time() + 1.5
    crowd = [
        SPAWN.Process(target=race_to_promote, args=(ledger_url, TO_CANARY, n, start_at, outcomes)) for n in range(2)
    ]
    for process in crowd:
        process.start()
    said = Counter(outcomes.get(timeout=300) for _ in crowd)
    for process in crowd:
        process.join(300)

    assert said == {"recorded": 1, "refused": 1}
    with open_ledger(ledger_url) as ledger:
        assert [entry.after for entry in ledger.list_promotions()] == [ModelState.SHADOW, ModelState.CANARY]
        ledger.verify_chains()


@pytest.mark.parametrize("word", ["ann", "e" * 64, "promoted"])
def test_a_word_changed_in_an_entry_is_found(sql_ledger: SqlLedger, ledger_url: str, word: str) -> None:
    record(sql_ledger, *WAY)
    with behind_its_back(ledger_url) as connection:
        statement = "UPDATE entries SET payload = replace(payload, :word, 'eve') WHERE sequence = 4"
        assert change(connection, statement, {"word": word}) == 1
    with pytest.raises(CorruptInput, match="stream promotions: entry 4"):
        sql_ledger.verify_chains()


def test_an_entry_taken_out_is_found(sql_ledger: SqlLedger, ledger_url: str) -> None:
    record(sql_ledger, *WAY)
    with behind_its_back(ledger_url) as connection:
        change(connection, "DELETE FROM entries WHERE sequence = 5")
    with pytest.raises(CorruptInput, match="promotions"):
        sql_ledger.verify_chains()
