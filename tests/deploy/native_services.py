"""Runs the services of the compose file without containers: their own commands, environments and health checks.

Only what a container gives is replaced: names of hosts by this one, ports by free ones, folders by those below one
folder, and the images' own start scripts by what they do.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import ROOT
from tests.servers.kafka import answers, find_free_ports, find_jars
from tests.servers.postgres import ACCOUNT, find_program
from tests.servers.process import DEATH, run_as

PORTS = {"postgres": 5432, "redis": 6379, "kafka": 9092, "controller": 9093}
PORTS |= {"airflow-api-server": 8080, "airflow-scheduler": 8974, "mlflow": 5000}
ONCE_SECONDS, HEALTHY_SECONDS, END_SECONDS = 600.0, 600.0, 40.0
_BIN = Path(sys.executable).parent


class NotHealthy(Exception):
    """A service ended, or its health check failed for too long; the message has the end of its log."""


@dataclass
class NativeServices:
    """Services of a compose file, as processes of this host.

    Args:
        config: As the Compose program prints it.
        folder: Volumes, logs and what the images hold.
    """

    config: Mapping[str, Any]
    folder: Path
    ports: dict[int, int] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = dict(zip(PORTS.values(), find_free_ports(len(PORTS)), strict=True))
        for name in ("volumes", "etc", "logs", "airflow", "redis-tmp", "kafka-config", "home"):
            (self.folder / name).mkdir()
        for volume in self.config["volumes"]:
            (self.folder / "volumes" / volume).mkdir()
        for name, each in self.config["configs"].items():
            (self.folder / "etc" / name).write_text(self.translate("mlflow", each["content"]))

    def port(self, service: str) -> int:
        return self.ports[PORTS[service]]

    def environment(self, service: str) -> dict[str, str]:
        """What the container would have, and where programs are."""
        given = {key: self.translate(service, value) for key, value in self._of(service)["environment"].items()}
        path = f"{_BIN}:{Path(find_program('postgres')).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder / "home"), "LANG": "C.UTF-8", **given}

    def translate(self, service: str, text: str) -> str:
        """A text of the compose file as it must read outside of a container."""
        text = text.replace("$$", "$").replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        folders = self._list_folders(service)
        inside = "|".join(re.escape(folder) for folder in sorted(folders, key=len, reverse=True))
        text = re.sub(rf"({inside})(?=[/\s:]|$)", lambda found: str(folders[found[1]]), text)
        known = "|".join(map(str, PORTS.values()))
        hosts = "|".join(name for name in PORTS if name != "controller")
        text = re.sub(rf"\b({hosts}):(?=({known})\b)", "127.0.0.1:", text)
        return re.sub(rf"\b({known})\b", lambda found: str(self.ports[int(found[1])]), text)

    def check(self, service: str) -> bool:
        """Whether its health check passes now."""
        if service == "kafka":  # its script is in the image only; this asks the broker the same
            return answers(self.port("kafka"))
        kind, *words = (self.translate(service, word) for word in self._of(service)["healthcheck"]["test"])
        command = words if kind == "CMD" else ["sh", "-c", words[0]]
        with suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                command, check=False, env=self.environment(service), cwd=self.folder, capture_output=True, timeout=60
            )
            return done.returncode == 0
        return False

    def start(self, service: str) -> None:
        """Start it as its image would; `wait` waits for its health."""
        prepare = {"postgres": self._prepare_postgres, "kafka": self._prepare_kafka}.get(service)
        command = prepare() if prepare else [self.translate(service, word) for word in self._of(service)["command"]]
        with self._log(service).open("ab") as output:
            self.running[service] = subprocess.Popen(
                (*DEATH, *command),
                cwd="/",
                env=self.environment(service),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **run_as(ACCOUNT if service == "postgres" else None),  # type: ignore[call-overload]
            )

    def wait(self, service: str) -> None:
        """Wait until its health check passes.

        Raises:
            NotHealthy: It ended, or did not become healthy.
        """
        until = time.monotonic() + HEALTHY_SECONDS
        while not self.check(service):
            if self.running[service].poll() is not None or time.monotonic() > until:
                raise NotHealthy(f"{service}:\n{self.read_log(service)[-3000:]}")
            time.sleep(1)

    def restart_ended(self) -> list[str]:
        """Start again what has ended, as the engine does with `restart: always`; the names of those."""
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        again = [name for name in ended if self._of(name)["restart"] == "always"]
        for name in again:
            self.start(name)
        return again

    def run_once(self, service: str) -> None:
        """Run a service that ends by itself.

        Raises:
            NotHealthy: Its exit code is not 0.
        """
        self.start(service)
        self.await_end(service)

    def await_end(self, service: str) -> None:
        """Wait for a service that ends by itself.

        Raises:
            NotHealthy: Its exit code is not 0.
        """
        if self.running.pop(service).wait(ONCE_SECONDS) != 0:
            raise NotHealthy(f"{service}:\n{self.read_log(service)[-3000:]}")

    def stop(self, service: str) -> int:
        """End it as the engine does; its exit code."""
        process = self.running.pop(service)
        family = list_family(process.pid)
        process.send_signal(getattr(signal, self._of(service).get("stop_signal", "SIGTERM")))
        try:
            return process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            end(family)

    def kill_all(self) -> None:
        for process in self.running.values():
            family = list_family(process.pid)
            process.kill()
            end(family)
            process.wait()

    def read_log(self, service: str) -> str:
        return self._log(service).read_text(errors="replace")

    def create_databases(self) -> None:
        """Run the scripts that PostgreSQL's image runs in an empty volume."""
        mounts = self._of("postgres")["volumes"]
        scripts = [m["source"] for m in mounts if m["target"].startswith("/docker-entrypoint-initdb.d/")]
        environment = self.environment("postgres")
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port("postgres"))}
        where["PGPASSWORD"] = environment["POSTGRES_PASSWORD"]
        for script in scripts:
            subprocess.run(["bash", script], check=True, env=environment | where, timeout=120)

    def _of(self, service: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.config["services"][service]
        return found

    def _log(self, service: str) -> Path:
        return self.folder / "logs" / f"{service}.log"

    def _list_folders(self, service: str) -> dict[str, Path]:
        one = self._of(service)
        volumes = self.folder / "volumes"
        found = {m["target"]: volumes / m["source"] for m in one.get("volumes", []) if m["type"] == "volume"}
        found |= {each["target"]: self.folder / "etc" / each["source"] for each in one.get("configs", [])}
        found |= {mount.split(":")[0]: self.folder / f"{service}-tmp" for mount in one.get("tmpfs", [])}
        return found | {"/opt/tradeops": ROOT, "/var/lib/airflow": self.folder / "airflow"}

    def _prepare_postgres(self) -> list[str]:
        environment, data = self.environment("postgres"), self.folder / "volumes" / "postgres"
        for folder in (self.folder, self.folder / "volumes"):
            folder.chmod(0o755)
        if not any(data.iterdir()):
            self._initialise_postgres(environment, data)
        words = [self.translate("postgres", word) for word in self._of("postgres")["command"]]
        return [find_program("postgres"), *words[1:], "-D", str(data), "-k", str(data)]

    def _initialise_postgres(self, environment: Mapping[str, str], data: Path) -> None:
        password = self.folder / "etc" / "postgres-password"
        password.write_text(environment["POSTGRES_PASSWORD"])
        if os.getuid() == 0:
            shutil.chown(data, ACCOUNT, ACCOUNT)
        command = [find_program("initdb"), "-D", str(data), "-U", environment["POSTGRES_USER"], "--no-sync"]
        command += [f"--pwfile={password}", "--auth=scram-sha-256", *shlex.split(environment["POSTGRES_INITDB_ARGS"])]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **run_as(ACCOUNT))  # type: ignore[call-overload]

    def _prepare_kafka(self) -> list[str]:
        # The image's own program makes properties of the variables and formats the volume.
        final, nothing = str(self.folder / "kafka-config"), str(self.folder / "home")
        java = ["java", *self.environment("kafka")["KAFKA_HEAP_OPTS"].split(), "-cp", f"{find_jars()}/*"]
        folders = ["--default-configs-dir", nothing, "--mounted-configs-dir", nothing, "--final-configs-dir", final]
        set_up = [*java, "kafka.docker.KafkaDockerWrapper", "setup", *folders]
        subprocess.run(set_up, check=True, env=self.environment("kafka"), stdout=subprocess.DEVNULL, timeout=120)
        return [*java, "kafka.Kafka", f"{final}/server.properties"]


def list_family(pid: int) -> list[psutil.Process]:
    """What a process has started; its group alone will not do, since each task has one of its own."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def end(family: list[psutil.Process]) -> None:
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def order_by_need(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Services, each after those that it depends on."""
    done: set[str] = set()
    while len(done) < len(services):
        ready = [
            name for name, each in services.items() if name not in done and done >= each.get("depends_on", {}).keys()
        ]
        assert ready, "services wait for each other"
        yield from ready
        done.update(ready)
