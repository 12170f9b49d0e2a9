"""`tradeops models`: who acts, how it came to that, and how to change it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from tradeops.domain.errors import CoordinationError, DataError, TradeOpsError
from tradeops.domain.models import Promotion
from tradeops.entrypoints.airflow_account import connect_airflow
from tradeops.entrypoints.command_line.opening import AsJson, open_installation, write_json, write_line
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.services.mirror_aliases import AliasDifference
from tradeops.services.promote_model import choose_staged
from tradeops.services.promotion_desk import PromotionDesk
from tradeops.services.read_model_status import ModelStatus

DAG = "promote_models"
UNFINISHED = ("queued", "running")

app = typer.Typer(help="Who acts, how it came to that, and how to change it.", no_args_is_help=True)


@app.command("status")
def show_status(as_json: AsJson = False) -> None:
    """Show who is live, canary and shadow, and which aliases of the registry differ."""
    with open_installation() as runtime:
        desk = runtime.promotion_desk()
        statuses = desk.read_status()
        differences, unknown = _compare_aliases(desk)
    if as_json:
        write_json({"models": statuses, "differences": differences, "registry": unknown or "reached"})
        return
    for status in statuses:
        write_line(_describe_status(status))
    for line in _describe_aliases(differences, unknown):
        write_line(line)


@app.command("history")
def show_history(as_json: AsJson = False) -> None:
    """Show the entries of the promotion ledger, oldest first."""
    with open_installation() as runtime:
        entries = runtime.ledger.list_promotions()
    if as_json:
        write_json(entries)
        return
    for line in _describe_history(entries):
        write_line(line)


@app.command("promote")
def promote(version: Annotated[int, typer.Argument(help="The model's version in the registry.")]) -> None:
    """Ask for a model to go on: starts the DAG `promote_models`, where the approval happens."""
    with open_installation() as runtime:
        staged = choose_staged(runtime.promotion_desk().read_standing(), version)
        clock = runtime.ledger.market_clock()
        settings = runtime.settings
    if clock is None:
        raise DataError("no history is loaded; run backfill_history first")
    run_id = name_run(version, clock, datetime.now(UTC).date())
    runs = f"{settings.airflow_url}/dags/{DAG}/runs"
    with connect_airflow(settings) as api:
        _refuse_second_question(api, runs, run_id)
        started = api.trigger(DAG, run_id, {"version": version})
    if started:
        write_line(f"v{version} stands in {staged.state}; asked: {runs}/{run_id}")
        return
    write_line(f"v{version} was asked for today already: {runs}/{run_id}")
    write_line(f"`tradeops models history` shows what became of it; to ask once more today, trigger {DAG} in Airflow")


@app.command("rollback")
def roll_back(
    person: Annotated[str, typer.Option(help="Who orders it; recorded.")],
    reason: Annotated[str, typer.Option(help="Why; recorded. The same person and reason again is the same order.")],
) -> None:
    """Let the model act live again that acted before the present one, from the next decision on."""
    with open_installation() as runtime:
        desk = runtime.promotion_desk()
        entry = desk.roll_back(person=person, reason=reason)
        write_line(
            f"{entry.model} (v{entry.version}) acts live again in place of {entry.previous_live}, "
            f"from the first decision after {entry.session} on; what is held stays until then"
        )
        try:
            desk.mirror_aliases()
        except TradeOpsError as error:
            write_line(f"the registry's aliases are not set: {error.message}; promote_models sets them when it runs")


def name_run(version: int, clock: date, today: date) -> str:
    """The run that a version asks for: one a day and session, however often it is asked."""
    return f"promote_v{version}__{clock}__{today}"


def _refuse_second_question(api: AirflowApi, runs: str, run_id: str) -> None:
    """One request at a time: another one would wait in the queue for an answer to the first."""
    under_way = [run["dag_run_id"] for run in api.list_runs(DAG) if run["state"] in UNFINISHED]
    if under_way and run_id not in under_way:
        raise CoordinationError(
            f"another request is under way: {runs}/{under_way[-1]}; if it waits for an answer, "
            "give it under Required Actions there, then ask again",
            run=under_way[-1],
        )


def _compare_aliases(desk: PromotionDesk) -> tuple[Sequence[AliasDifference], str]:
    """Differences, and why they are not known if the registry cannot be read: it decides nothing."""
    try:
        return desk.find_differences(), ""
    except TradeOpsError as error:
        return (), error.message


def _describe_status(status: ModelStatus) -> str:
    last = f", last {status.last}" if status.last else ""
    return (
        f"{status.state:7} v{status.version:<3} {status.model[:20]:20}  since {status.since}  "
        f"{status.decided:,} sessions decided{last}  ({status.book_id})"
    )


def _describe_aliases(differences: Sequence[AliasDifference], unknown: str) -> Iterator[str]:
    if unknown:
        yield f"aliases are not known: {unknown}"
    elif not differences:
        yield "aliases of the registry as in the ledger"
    for difference in differences:
        yield f"{difference}; it changes nothing, and promote_models sets it back"


def _describe_history(entries: Sequence[Promotion]) -> Iterator[str]:
    if not entries:
        yield "no model was ever registered; the prior blend acts live"
        return
    yield f"{'session':10}  {'model':5}  {'step':20}  {'verdict':11}  {'by':12}  {'evidence':12}  reason"
    for entry in entries:
        step = f"{entry.before} → {entry.after}" if entry.before is not entry.after else f"{entry.after}"
        evidence = entry.evidence[:12] if entry.evidence else "–"
        yield (
            f"{entry.session}  {f'v{entry.version}':5}  {step:20}  {entry.verdict:11}  {entry.approver:12}  "
            f"{evidence:12}  {' '.join(entry.reason.split())}"
        ).rstrip()
