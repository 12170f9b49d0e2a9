"""`tradeops serve`, `seal` and `relay` run until they are stopped; `tradeops health` says whether they do."""

import logging
from collections.abc import Callable
from typing import Annotated

import typer

from tradeops.bootstrap.serving import open_relaying, open_sealing, open_serving
from tradeops.entrypoints.command_line.opening import write_line
from tradeops.entrypoints.processes.health import WITHIN_SECONDS, describe_health
from tradeops.entrypoints.processes.heartbeat import Heart
from tradeops.entrypoints.processes.loop import OpenUnits
from tradeops.entrypoints.processes.run import DEADLINE_SECONDS, IDLE_SECONDS, ProcessOptions, run_process
from tradeops.entrypoints.processes.stop_switch import StopSwitch
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.services.drain_events_once import Attempts
from tradeops.settings import load_settings
from tradeops.telemetry import configure_logging

_LOG = logging.getLogger("tradeops.processes")

Idle = Annotated[float, typer.Option(min=0.01, help="Seconds between two looks when there is nothing to do.")]
Deadline = Annotated[float, typer.Option(min=0.1, help="Seconds from SIGTERM to the end, exit code 0 within them.")]
WithParent = Annotated[bool, typer.Option("--with-parent", help="End when the process that started this one dies.")]


def serve(
    most_waiting: Annotated[
        int, typer.Option(min=1, help="When more sessions wait, only the newest so many are decided.")
    ] = 1,
    idle: Idle = IDLE_SECONDS,
    deadline: Deadline = DEADLINE_SECONDS,
    with_parent: WithParent = False,
) -> None:
    """Decide each session whose features are there, until stopped; several may run, one is at work."""
    settings = load_settings()
    attempts: Attempts = {}

    def make_units(heart: Heart, switch: StopSwitch) -> OpenUnits:
        def on_progress(outcome: CycleOutcome) -> None:
            heart.beat()
            hand_back_when_worn(outcome, switch)

        return lambda: open_serving(
            settings, most_waiting=most_waiting, attempts=attempts, on_progress=on_progress, say=heart.say
        )

    _run("serve", ProcessOptions(idle_seconds=idle, deadline_seconds=deadline, with_parent=with_parent), make_units)


def hand_back_when_worn(outcome: CycleOutcome, switch: StopSwitch) -> None:
    """Between two cycles: give up if somebody asked, or if a thread of this process is lost to an agent that hangs.

    Raises:
        HandedBack: The event comes again, to a process whose threads are whole.
    """
    if outcome.hung_agents:
        _LOG.warning("%s hang; another process takes over", ", ".join(outcome.hung_agents))
        switch.replace_process()
    switch.check()


def seal(idle: Idle = IDLE_SECONDS, deadline: Deadline = DEADLINE_SECONDS, with_parent: WithParent = False) -> None:
    """Move validated events from the log into the lake as they arrive, until stopped; several share the partitions."""
    settings = load_settings()
    options = ProcessOptions(idle_seconds=idle, deadline_seconds=deadline, with_parent=with_parent)
    _run("seal", options, lambda _heart, _switch: lambda: open_sealing(settings))


def relay(idle: Idle = IDLE_SECONDS, deadline: Deadline = DEADLINE_SECONDS, with_parent: WithParent = False) -> None:
    """Tell the log of decisions and settlements as they are recorded, until stopped; a second one waits."""
    settings = load_settings()
    options = ProcessOptions(idle_seconds=idle, deadline_seconds=deadline, with_parent=with_parent)
    _run("relay", options, lambda _heart, _switch: lambda: open_relaying(settings))


def health(
    process: Annotated[str, typer.Argument(help="serve, seal or relay.")],
    within: Annotated[
        float, typer.Option(min=1, help="Seconds that it may be silent or fail at most.")
    ] = WITHIN_SECONDS,
) -> None:
    """Say how each process of a name on this host is; exit code 0 when there are some and all are well."""
    lines, code = describe_health(load_settings().state_dir, process, within)
    for line in lines:
        write_line(line)
    raise typer.Exit(code)


def _run(name: str, options: ProcessOptions, make_units: Callable[[Heart, StopSwitch], OpenUnits]) -> None:
    settings = load_settings()
    configure_logging(settings.log_level)
    raise typer.Exit(run_process(name, settings.state_dir, options, make_units))
