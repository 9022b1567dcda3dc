"""Event streams that survive restarts of the daemon and of the network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from .errors import ApiError, ConnectionFailed, ResyncNeeded
from .transport import Stream, Transport, to_delay

Event = dict[str, Any]
Phase = Literal["connecting", "replaying", "live", "lost"]
# Three heartbeats without a sign of life. Seconds.
SILENCE = 45.0


@dataclass(frozen=True)
class Placed:
    """An event of any session, and the place to go on from."""

    cursor: str
    event: Event


class Following:
    """Every event once, in order, none left out. Iterate over it once; `close` ends that, also from another thread."""

    def __init__(
        self,
        transport: Transport,
        *,
        session_id: str | None,
        after: str | None,
        types: Sequence[str] | None = None,
        until: Literal["idle"] | None = None,
        silence: float = SILENCE,
        on_connection: Callable[[Phase], None] = lambda phase: None,
        on_resync: Callable[[ResyncNeeded], None] | None = None,
    ) -> None:
        self._transport = transport
        self._session_id = session_id
        self._position = None if after == "latest" else after
        self._latest = after == "latest"
        self._types = types
        self._until = until
        self._silence = silence
        self._on_connection = on_connection
        self._on_resync = on_resync
        self._log_id: str | None = None
        self._closed = threading.Event()
        self._stream: Stream | None = None
        self._idle = False

    def __enter__(self) -> Following:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the iteration."""
        self._closed.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def __iter__(self) -> Iterator[Placed]:
        failures = 0
        while not self._closed.is_set():
            self._on_connection("connecting")
            asked = 0.0
            try:
                for placed in self._connection():
                    failures = 0
                    yield placed
                if self._idle:
                    return
            except ConnectionFailed:
                pass
            except ApiError as error:
                if not error.retryable:
                    raise
                asked = error.retry_after or 0
            if self._closed.is_set():
                return
            failures += 1
            self._on_connection("lost")
            self._closed.wait(max(asked, to_delay(failures, 0.25, 5)))

    def _connection(self) -> Iterator[Placed]:
        path = "/events" if self._session_id is None else f"/sessions/{quote(self._session_id, safe='')}/events"
        query: dict[str, Any] = {"types": ",".join(self._types) if self._types else None, "until": self._until}
        if self._session_id is not None:
            query["stream"] = 1
        elif self._latest:
            query["after"] = "latest"
        headers = {} if self._position is None else {"last-event-id": self._position}
        stream = self._transport.stream(path, query, headers, self._silence)
        self._stream = stream
        try:
            for name, position, data in self._frames(stream):
                if self._closed.is_set():
                    return
                if name is None:
                    placed = self._take(position, data)
                    if placed is not None:
                        yield placed
                elif not self._control(name, json.loads(data)):
                    return
        finally:
            self._stream = None
            stream.close()

    def _frames(self, stream: Stream) -> Iterator[tuple[str | None, str, str]]:
        name: str | None = None
        position = ""
        data: list[str] = []
        for line in stream.lines():
            if line == "":
                if data:
                    yield name, position, "\n".join(data)
                name, data = None, []
            elif line.startswith(":"):
                # Said before the daemon closes the stream: nothing more will come.
                if line[1:].strip() == "idle":
                    self._idle = True
            else:
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "id":
                    position = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data.append(value)

    def _take(self, position: str, data: str) -> Placed | None:
        try:
            event = json.loads(data)
        except ValueError as error:
            raise ConnectionFailed("A frame of the event stream is not JSON.") from error
        if self._session_id is not None and self._position is not None:
            last = int(self._position)
            if event["seq"] <= last:
                return None
            if self._types is None and event["seq"] != last + 1:
                raise ConnectionFailed(f"Event {position} does not follow {self._position}.")
        self._position = position
        return Placed(position, event)

    def _control(self, name: str, control: dict[str, Any]) -> bool:
        """False when the connection is of no use any more."""
        if name == "ready":
            if self._log_id is not None and self._log_id != control["log_id"]:
                # Another log with as many events would go unnoticed: its numbers mean other things.
                self._resync("log_changed", control)
                return False
            self._log_id = control["log_id"]
            if self._session_id is not None and self._position is not None:
                # There is nothing before the first event: a replayed bundle may have left out the oldest ones.
                self._position = str(max(int(self._position), control.get("first_seq", 1) - 1))
            self._on_connection("replaying")
        elif name == "caught_up":
            # Everything until here was sent: what had nothing to tell, or was left out, need not be gone through again.
            if self._position is None or self._types is not None:
                self._position = self._end_of(control)
            self._on_connection("live")
        elif name == "resync":
            self._resync(str(control.get("reason")), control)
        return True

    def _resync(self, reason: str, control: dict[str, Any]) -> None:
        self._position = self._end_of(control)
        self._log_id = control["log_id"]
        needed = ResyncNeeded(reason, control["log_id"], self._position)
        if self._on_resync is None:
            raise needed
        self._on_resync(needed)

    def _end_of(self, control: dict[str, Any]) -> str:
        return str(control["last_cursor" if self._session_id is None else "last_seq"])
