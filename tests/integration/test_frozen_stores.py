"""An event gets its answer in time while servers that the decision needs are frozen: they take calls, and say nothing.

The cycles run side by side, each with its own stores on the same frozen servers; time is what the records say.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tests.contract.examples import BOOK
from tests.fakes.notifier import InMemoryNotifier
from tests.servers.redis import start_redis
from tests.servers.s3 import make_bucket, start_s3
from tests.unit.graphs.cycle_bench import OWNER, Bench, FixedInputs
from tradeops.adapters.feature_store_redis import RedisFeatureStore
from tradeops.adapters.lake_delta import Bucket, DeltaLake
from tradeops.adapters.s3 import CALL_SECONDS, S3Access
from tradeops.adapters.value_store_s3 import S3ValueStore
from tradeops.bootstrap.process import MonotonicClock
from tradeops.domain.claims import Claim, InboxKey
from tradeops.domain.decisions import CycleRequest, DecisionRecord, Outcome
from tradeops.ports.feature_store import FeatureReader
from tradeops.ports.input_reader import ReadInputs
from tradeops.services.read_features import LakeFeatures, NewestFirst

WITHIN_SECONDS = 10.0
EVENT = InboxKey(consumer=BOOK.stream, topic="market.features", event_id="e1")
AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class ReadFeatures(FixedInputs):
    """Inputs at hand but for their features."""

    features: FeatureReader | None = None

    def read(self, request: CycleRequest, claim: Claim) -> ReadInputs:
        assert self.features is not None
        self.features.read(date(2001, 3, 1), market=1)
        raise AssertionError("nobody can have answered")


@dataclass(frozen=True)
class Answer:
    """What an event got."""

    record: DecisionRecord
    subjects: list[str]

    @property
    def seconds(self) -> float:
        return self.record.trace.seconds["claim_to_record"]


@dataclass(frozen=True)
class Servers:
    """Frozen ones."""

    redis: str
    access: S3Access
    bucket: str

    def run(self, make_ports: Callable[["Servers", Bench], dict[str, Any]]) -> Answer:
        bench, notifier = Bench(), InMemoryNotifier(lambda: AT)
        ports = bench.ports(tell=notifier.notify, clock=MonotonicClock(), **make_ports(self, bench))
        with DecisionCycleRunner(ports, owner=OWNER) as runner:
            runner.run_cycle(replace(bench.request(), asked_by=EVENT))
        record = bench.ledger.find_decision(BOOK, bench.view.session)
        assert record is not None
        return Answer(record, [told.subject for told in notifier.sent])


def without_features(servers: Servers, bench: Bench) -> dict[str, Any]:
    online = RedisFeatureStore(servers.redis, "schema")
    lake = LakeFeatures(DeltaLake(Bucket(f"s3://{servers.bucket}/lake", servers.access)), "schema")
    return {"inputs": ReadFeatures(bench.view, features=NewestFirst(online, lake))}


def without_values(servers: Servers, _bench: Bench) -> dict[str, Any]:
    return {"values": S3ValueStore(f"s3://{servers.bucket}/values", servers.access)}


@dataclass(frozen=True)
class PatientAccess:
    """The limit that values had before: that of whole data files."""

    access: S3Access

    def open_file_system(self, **_limits: int) -> Any:
        return self.access.open_file_system(silent_seconds=CALL_SECONDS, most_retries=0)


def with_former_limits(servers: Servers, _bench: Bench) -> dict[str, Any]:
    access: Any = PatientAccess(servers.access)
    return {"values": S3ValueStore(f"s3://{servers.bucket}/values", access)}


CASES = {"features": without_features, "values": without_values, "mutant": with_former_limits}


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with start_redis() as redis, start_s3() as (access, s3):
        frozen = Servers(redis.url, access, make_bucket(access))
        redis.process.freeze()
        s3.freeze()
        yield frozen


@pytest.fixture(scope="module")
def answers(servers: Servers) -> dict[str, Answer]:
    with ThreadPoolExecutor(len(CASES)) as threads:
        return dict(zip(CASES, threads.map(servers.run, CASES.values()), strict=True))


def ask_again_if_late(servers: Servers, case: str, answer: Answer) -> Answer:
    """The machine itself may have stood still; a limit that is too long is late every time."""
    for _ in range(2):
        if answer.seconds > WITHIN_SECONDS:
            answer = servers.run(CASES[case])
    return answer


@pytest.mark.parametrize(("case", "failed"), [("features", "load_view failed"), ("values", "record_decision failed")])
def test_an_event_is_answered_in_time_by_holding_the_book_and_one_message(
    servers: Servers, answers: dict[str, Answer], case: str, failed: str
) -> None:
    answer = ask_again_if_late(servers, case, answers[case])
    assert answer.record.decision.outcome is Outcome.HELD
    assert answer.seconds <= WITHIN_SECONDS
    (subject,) = answer.subjects
    assert subject.endswith(f"{failed}, the book is held")


def test_mutant_with_the_former_limit_of_a_call_answers_late(answers: dict[str, Answer]) -> None:
    assert answers["mutant"].record.decision.outcome is Outcome.HELD
    assert answers["mutant"].seconds > WITHIN_SECONDS
