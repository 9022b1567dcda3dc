"""A daemon of one's own, and the one that runs."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .client import Client
from .errors import ConnectionFailed, DaemonStartError

_STOP_LIMIT = 15.0


@dataclass(frozen=True)
class Daemon:
    """A daemon that was started here. It ends with the `with` block, and with this process, however that ends."""

    url: str
    token: str | None
    pid: int
    client: Client


@dataclass(frozen=True)
class FoundDaemon:
    """A daemon that runs, as its data directory tells."""

    url: str
    pid: int
    client: Client


@contextmanager
def start_daemon(
    *,
    data_dir: str | os.PathLike[str] | None = None,
    args: Sequence[str] = (),
    command: Sequence[str] = ("codesdkd",),
    env: Mapping[str, str] | None = None,
    on_log: Callable[[str], None] = lambda line: None,
    timeout: float = 30,
) -> Iterator[Daemon]:
    """Starts `codesdkd serve` and yields when it takes requests. Raises `DaemonStartError`; nothing is left running then."""
    words = [*command, "serve", "--parent-watch", "stdin"]
    if data_dir is not None:
        words += ["--data-dir", os.fspath(data_dir)]
    # Its stdin is the watch on this process. In a session of its own: Ctrl-C is for this process, which then ends the daemon in its own time.
    child = subprocess.Popen(
        [*words, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    )
    tail: deque[str] = deque(maxlen=50)
    reader = threading.Thread(target=_read_log, args=(child, tail, on_log), daemon=True)
    reader.start()
    try:
        url, token = _wait_until_ready(child, tail, reader, timeout)
        yield Daemon(url, token, child.pid, Client(url, token))
    finally:
        child.terminate()
        try:
            child.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        reader.join()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def find_daemon(data_dir: str | os.PathLike[str], token: str | None = None) -> FoundDaemon | None:
    """The daemon that serves a data directory; None where none runs, or what answers there is another one."""
    try:
        path = Path(data_dir) / "daemon.json"
        about = path.stat()
        # What somebody else could have written is not believed.
        if about.st_uid != os.geteuid() or about.st_mode & 0o022:
            return None
        note = json.loads(path.read_text())
        url, pid, log_id = str(note["url"]), int(note["pid"]), str(note["log_id"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    client = Client(url, token)
    try:
        return FoundDaemon(url, pid, client) if client.get_status()["storage"]["log_id"] == log_id else None
    except ConnectionFailed:
        return None


def _wait_until_ready(
    child: subprocess.Popen[str], tail: deque[str], reader: threading.Thread, timeout: float
) -> tuple[str, str | None]:
    late = threading.Timer(timeout, child.kill)
    late.start()
    try:
        line = child.stdout.readline() if child.stdout is not None else ""
    finally:
        late.cancel()
    if line == "":
        code = child.wait()
        reader.join()
        said = "".join(tail)
        why = tail[-1].strip() if tail else f"it ended with {code} before it was ready"
        raise DaemonStartError(f"The daemon did not start: {why}", code, said)
    ready = json.loads(line)
    return str(ready["url"]), ready.get("token")


def _read_log(child: subprocess.Popen[str], tail: deque[str], on_log: Callable[[str], None]) -> None:
    if child.stderr is None:
        return
    for line in child.stderr:
        tail.append(line)
        on_log(line.rstrip("\n"))
