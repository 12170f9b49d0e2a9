"""Events come over Kafka into the lake once each, whoever is killed and whatever is tidied up meanwhile.

A sample of sealers that die in an append; `make evidence` carries 100,000 events and kills 20 sealers at any time.
"""

from pathlib import Path

from tests.faults.kafka_to_lake import carry_events, seal_offsets_first


def test_events_are_in_the_lake_once_while_sealers_are_killed_and_files_compacted(
    kafka_url: str, tmp_path: Path
) -> None:
    found = carry_events(kafka_url, tmp_path / "lake", events=10_000, kills=5, batch=500, seed=20260101, at_work=True)
    assert (found.lost, found.doubled) == (0, 0)
    assert found.kills == 5
    assert found.repeated and found.compactions and found.deleted


def test_mutant_that_commits_offsets_before_the_lake_is_found(kafka_url: str, tmp_path: Path) -> None:
    found = carry_events(
        kafka_url, tmp_path / "lake", events=2000, kills=1, batch=500, seed=1, first=seal_offsets_first
    )
    assert found.lost > 0
