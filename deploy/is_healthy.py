"""Whether a server answers, and says that one part of it is healthy: is_healthy.py URL [PART]."""

import json
import sys
import urllib.request

SECONDS = 8.0


def main(url: str, part: str | None = None) -> int:
    """Exit code: Airflow answers 200 even when every part of it is dead, so that its words count."""
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - the compose file's own address
        body = answer.read()
    return 0 if part is None or json.loads(body)[part]["status"] == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
