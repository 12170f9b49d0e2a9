"""What happens to processes, servers, lines, clocks and disks; each returns the moment from which recovery counts."""

import base64
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Mapping

from tests.faults import children
from tests.faults.real_servers.joiner import join_group
from tests.faults.real_servers.scene import Scene
from tests.servers.kafka import strike_off
from tradeops.services.drain_events_once import GROUP

Fault = Callable[[Scene], float]


def kill_process(scene: Scene) -> float:
    os.kill(scene.crew.pick(scene.chance), signal.SIGKILL)
    return time.monotonic()


def stop_broker(scene: Scene) -> float:
    scene.servers.kafka.process.stop()
    return _start_broker(scene)


def kill_broker(scene: Scene) -> float:
    scene.servers.kafka.process.kill()
    return _start_broker(scene)


def _start_broker(scene: Scene) -> float:
    scene.hold(scene.chance.uniform(0.5, 4))
    ended = time.monotonic()
    scene.servers.kafka.process.start()
    return ended


def freeze_broker(scene: Scene) -> float:
    """Shorter than a member's session, or longer."""
    scene.servers.kafka.process.freeze()
    scene.hold(scene.chance.uniform(0.5, 7))
    scene.servers.kafka.process.thaw()
    return time.monotonic()


def rebalance(scene: Scene) -> float:
    """A member joins; in half of the cases all are struck off, as those who were silent; then it leaves, or dies."""
    url, answer = scene.place.settings.event_log_url, scene.place.folder / "joiner.pickle"
    struck, dies = scene.chance.random() < 0.5, scene.chance.random() < 0.5
    pid = children.start(lambda: join_group(url), answer)
    if struck:
        children.ask(lambda: strike_off(url, GROUP), scene.place.folder)
    scene.hold(scene.chance.uniform(0.5, 2))
    os.kill(pid, signal.SIGKILL if dies else signal.SIGTERM)
    children.finish(pid, answer)
    return time.monotonic()


def lose_redis(scene: Scene) -> float:
    """Stopped, killed or emptied; what comes back is empty, too."""
    process = scene.servers.redis.process
    (process.stop if scene.chance.random() < 0.5 else process.kill)()
    scene.hold(scene.chance.uniform(0.2, 3))
    ended = time.monotonic()
    process.start()
    return ended


def cut_database(scene: Scene) -> float:
    """All connections, once or several times."""
    for _ in range(scene.chance.randint(1, 4)):
        scene.servers.postgres.databases.disconnect_all(scene.place.database)
        ended = time.monotonic()
        scene.hold(scene.chance.uniform(0.01, 0.2))
    return ended


def restart_database(scene: Scene) -> float:
    postgres = scene.servers.postgres
    (postgres.stop if scene.chance.random() < 0.5 else postgres.kill)()
    scene.hold(scene.chance.uniform(0.2, 3))
    ended = time.monotonic()
    postgres.start()
    return ended


def repeat_and_reorder(scene: Scene) -> float:
    """Events come again, and one comes before that of an earlier session."""
    known = len(scene.asked)
    old = scene.chance.sample(scene.letters[:known], k=min(known, 2))
    scene.publish_next(scene.letters[known + 1], *old, scene.letters[known + 1])
    return time.monotonic()


def jump_clock(scene: Scene) -> float:
    """Hours forth, then back."""
    for sign in scene.chance.sample((1, -1), k=2):
        scene.clock.turn(sign * scene.chance.uniform(1, 12) * 3600)
        scene.hold(scene.chance.uniform(0.2, 1))
    scene.clock.turn(0)
    return time.monotonic()


def fill_disk(scene: Scene) -> float:
    scene.crew.fill_disk(scene.chance.choice((0, 100, 2000)))
    scene.hold(scene.chance.uniform(0.5, 3))
    scene.crew.fill_disk(resource.RLIM_INFINITY)
    return time.monotonic()


def slow_down(scene: Scene) -> float:
    """Database, Redis or both answer late."""
    for delay in scene.chance.sample(scene.delay, k=scene.chance.randint(1, len(scene.delay))):
        delay.turn(scene.chance.choice((0.02, 0.1, 0.5)))
    scene.hold(scene.chance.uniform(0.5, 4))
    for delay in scene.delay:
        delay.turn(0)
    return time.monotonic()


def poison(scene: Scene) -> float:
    key, event = scene.letters[0]
    found = [_spoil(event, scene.chance) for _ in range(scene.chance.randint(1, 3))]
    scene.poison.extend(found)
    scene.publish_next(*((key, value) for value in found))
    return time.monotonic()


def _spoil(event: bytes, chance: random.Random) -> bytes:
    """Unparseable, not of the schema, of another type, or about a session that nobody loaded; each another one."""
    number = chance.randbytes(8)
    return chance.choice(
        (
            b"\xff" + number,
            event[: chance.randint(1, len(event) - 1)] + number,
            b'{"spoiled": "%s"}' % base64.b64encode(number),
            event.replace(b"session_features", b"session_" + number.hex().encode()),
            event.replace(b'"session":"2001', b'"session":"20%d' % chance.randint(20, 30)),
        )
    )


FAULTS: Mapping[str, Fault] = {
    "process killed": kill_process,
    "broker stopped": stop_broker,
    "broker frozen": freeze_broker,
    "broker killed": kill_broker,
    "rebalance": rebalance,
    "redis gone": lose_redis,
    "database cut": cut_database,
    "database restarted": restart_database,
    "repeated and reordered": repeat_and_reorder,
    "clock jumps": jump_clock,
    "disk full": fill_disk,
    "slow dependency": slow_down,
    "poison": poison,
}
# These publish the next event themselves.
PUBLISHING = ("repeated and reordered", "poison")
