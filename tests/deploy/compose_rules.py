"""What the Compose program itself lets pass, and this project does not."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Service = Mapping[str, Any]
_SECRET = re.compile(r"PASSWORD|SECRET|FERNET|_KEY$|REDISCLI_AUTH|TOKEN")
_LOGIN = re.compile(r"://[^/@\s]*:([^/@\s]+)@")

# Least and most, from trials in which workers were killed and servers restarted; seconds, but for the counts.
_BOUNDS = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": (120, 300),  # outlasts a restart of PostgreSQL or the API server
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": (1, 10),
    "WORKERS__MIN_HEARTBEAT_INTERVAL": (1, 2),  # a finished task holds its slot for so long
    "WORKERS__MAX_FAILED_HEARTBEATS": (60, 300),  # a count
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": (1, 60),
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": (10, 30),
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": (1, 5),
    "SCHEDULER__JOB_HEARTBEAT_SEC": (1, 5),
    "SCHEDULER__TASK_QUEUED_TIMEOUT": (600, 3600),  # a task's token lives as long
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": (1, 60),
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": (86_400, 604_800),  # a longer task is started twice
    "CELERY__WORKER_PREFETCH_MULTIPLIER": (1, 1),  # a count
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": (0.1, 0.5),
}


def list_faults(config: Mapping[str, Any], text: str) -> list[str]:
    """Every fault of a compose file.

    Args:
        config: As the Compose program prints it.
        text: As it is written.
    """
    services: Mapping[str, Service] = config["services"]
    once = list_one_shots(services)
    faults = [f"{name} {fault}" for name, each in services.items() for fault in _look_inside(each, once=name in once)]
    faults += [f"{name} {fault}" for name, each in services.items() for fault in _look_outwards(each)]
    faults += [f"{name} {fault}" for name, each in services.items() for fault in _check_waits(each, services, once)]
    return sorted(
        [*faults, *_check_files(config), *_check_secrets(text), *_check_airflow(services), *_check_bounds(services)]
    )


def list_one_shots(services: Mapping[str, Service]) -> set[str]:
    """Services that others wait for to end."""
    waits = [wait for each in services.values() for wait in each.get("depends_on", {}).items()]
    return {name for name, wait in waits if wait["condition"] == "service_completed_successfully"}


def _look_inside(service: Service, *, once: bool) -> Iterator[str]:
    tag = re.fullmatch(r"[^@]+:([^:/@]+)(@sha256:[0-9a-f]{64})?", service["image"])
    if tag is None or not re.match(r"v?\d+\.\d+\.?\d*", tag[1]):
        yield f"has no pinned version: {service['image']}"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    for kind in ("cpus", "memory"):
        if not limits.get(kind):
            yield f"has no limit of {kind}"
    user = str(service.get("user", ""))
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", user):
        yield f"runs as {user or 'whoever the image says'}: name a number that is not root's"
    check = service.get("healthcheck", {})
    if not once and (check.get("test", ["NONE"])[0] == "NONE" or check.get("disable")):
        yield "has no health check"
    if service.get("restart") != ("no" if once else "always"):
        yield f"has restart: {service.get('restart')}"


def _look_outwards(service: Service) -> Iterator[str]:
    if service.get("privileged") or service.get("cap_add") or "ALL" not in service.get("cap_drop", []):
        yield "has capabilities"
    given = service.get("environment", {})
    secrets = [value for key, value in given.items() if value and _SECRET.search(key)]
    if any(secret in word for secret in secrets for word in service.get("command") or []):
        yield "shows a secret among its arguments"
    for port in service.get("ports", []):
        if port.get("host_ip") != "127.0.0.1":
            yield f"listens beyond this host on {port['published']}"
    for mount in service.get("volumes", []):
        if mount["type"] == "bind" and not mount.get("read_only"):
            yield f"may write to the host's {Path(mount['source']).name}"
        if mount["type"] == "volume" and not mount.get("source"):
            yield f"keeps {mount['target']} in a volume without a name"


def _check_waits(service: Service, services: Mapping[str, Service], once: set[str]) -> Iterator[str]:
    for name, wait in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if name in once else "service_healthy"
        if name in services and wait["condition"] != wanted:
            yield f"waits for {name} by {wait['condition']}"


def _check_files(config: Mapping[str, Any]) -> Iterator[str]:
    binds = [m for each in config["services"].values() for m in each.get("volumes", []) if m["type"] == "bind"]
    files = [mount["source"] for mount in binds]
    files += [
        each["file"] for kind in ("secrets", "configs") for each in config.get(kind, {}).values() if "file" in each
    ]
    builds = [each["build"] for each in config["services"].values() if "build" in each]
    files += [str(Path(build["context"]) / build.get("dockerfile", "Dockerfile")) for build in builds]
    yield from (f"{Path(file).name} does not exist" for file in sorted(set(files)) if not Path(file).exists())


def _check_secrets(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        name, colon, value = line.partition(": ")
        written = value.strip().strip("\"'")
        if colon and _SECRET.search(name.strip()) and written and not written.startswith("${"):
            yield f"line {number} has a value for {name.strip()}"
        logins = _LOGIN.findall(re.sub(r"\$\{[^}]*\}", "${}", line))
        if any(login != "${}" for login in logins):
            yield f"line {number} has a password in an address"
        for variable, rest in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", line):
            if _SECRET.search(variable) and not variable.startswith("TRADEOPS_") and not rest.startswith(":?"):
                yield f"line {number} lets {variable} be empty"


def _check_airflow(services: Mapping[str, Service]) -> Iterator[str]:
    parts = {name: each for name, each in services.items() if (each.get("command") or [""])[0] == "airflow"}
    settings = {name: _list_airflow_settings(each) for name, each in parts.items()}
    first = next(iter(settings), "")
    for name, given in settings.items():
        for key in sorted(given.keys() | settings[first].keys()):
            if given.get(key) != settings[first].get(key):
                yield f"{name} and {first} differ in {key}"


def _check_bounds(services: Mapping[str, Service]) -> Iterator[str]:
    given = _list_airflow_settings(services.get("airflow-scheduler", {}))  # the others have the same
    for key, (least, most) in _BOUNDS.items():
        value = given.get(f"AIRFLOW__{key}", "nothing")
        if not value.replace(".", "").isdigit() or not least <= float(value) <= most:
            yield f"{key} is {value}, not {least} to {most}"
    if given.get("AIRFLOW__CELERY__TASK_ACKS_LATE") != "True":
        yield "a task is acknowledged before it is done"


def _list_airflow_settings(service: Service) -> dict[str, str]:
    return {key: value for key, value in service.get("environment", {}).items() if key.startswith("AIRFLOW__")}
