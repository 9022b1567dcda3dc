"""Requests, each on a connection of its own: over TCP or a Unix socket."""

from __future__ import annotations

import http.client
import json
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from .errors import ApiError, ConnectionFailed, to_api_error

_ATTEMPTS = 4
_BASE = 0.2
_MOST = 5.0


def new_id(prefix: str) -> str:
    """An id that nobody else has."""
    return prefix + secrets.token_hex(16)


def path_of(pattern: str, *ids: str) -> str:
    """A path with its ids escaped."""
    for one in ids:
        before, _, rest = pattern.partition("{")
        pattern = before + quote(one, safe="") + rest.partition("}")[2]
    return pattern


def to_delay(failures: int, base: float = _BASE, most: float = _MOST) -> float:
    """Seconds before the next try: doubled each time, less a random half."""
    longest: float = min(most, base * 2.0 ** min(failures - 1, 30))
    return longest * (1 - random.random() / 2)


@dataclass(frozen=True)
class Answer:
    """An answer that is not JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Transport:
    """Sends requests to `url`: `http://…`, or `unix:<path>`. `url` and `token` may be functions: a daemon that was started again may have others."""

    def __init__(self, url: str | Callable[[], str], token: str | None | Callable[[], str | None] = None) -> None:
        self._url = url
        self._token = token

    def json(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool,
        timeout: float = 30,
    ) -> Any:
        """The answer as JSON."""
        answer = self.raw(method, path, body=body, query=query, headers=headers, again=again, timeout=timeout)
        return json.loads(answer.body)

    def delete(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, again: bool, timeout: float = 30) -> None:
        """Deletes; where a first answer was lost, what is gone by then is what was asked for."""
        tries = 0

        def count() -> None:
            nonlocal tries
            tries += 1

        try:
            self.raw(method, path, query=query, again=again, timeout=timeout, on_try=count)
        except ApiError as error:
            if tries < 2 or error.code not in ("session_not_found", "token_not_found"):
                raise

    def raw(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool,
        timeout: float = 30,
        on_try: Callable[[], None] = lambda: None,
    ) -> Answer:
        """The answer as it is. What may be sent again safely is tried again where that may help."""
        failures = 0
        while True:
            on_try()
            try:
                return self._once(method, path, body, query or {}, headers or {}, timeout)
            except (ApiError, ConnectionFailed) as error:
                failures += 1
                wait = _to_wait(error, failures) if again and failures < _ATTEMPTS else None
                if wait is None:
                    raise
                time.sleep(wait)

    def stream(self, path: str, query: Mapping[str, Any], headers: Mapping[str, str], silence: float) -> Stream:
        """Opens an event stream: one try. Reading fails after `silence` seconds without a byte."""
        connection, response = self._open("GET", path, None, query, {"accept": "text/event-stream", **headers}, silence)
        if response.status != 200:
            raise _refused(connection, response)
        return Stream(connection, response)

    def _once(
        self, method: str, path: str, body: Any, query: Mapping[str, Any], headers: Mapping[str, str], timeout: float
    ) -> Answer:
        connection, response = self._open(method, path, body, query, headers, timeout)
        if not 200 <= response.status < 300:
            raise _refused(connection, response)
        try:
            return Answer(response.status, _lower(response), response.read())
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionFailed("The connection to the daemon failed.") from error
        finally:
            connection.close()

    def _open(
        self, method: str, path: str, body: Any, query: Mapping[str, Any], headers: Mapping[str, str], timeout: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        url = (self._url() if callable(self._url) else self._url).rstrip("/")
        token = self._token() if callable(self._token) else self._token
        connection, prefix = _connect(url, timeout)
        given = {name: _to_text(value) for name, value in query.items() if value is not None}
        target = prefix + path + (f"?{urlencode(given)}" if given else "")
        sent = {"connection": "close", **headers}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        content = None
        if body is not None:
            sent["content-type"] = "application/json"
            content = json.dumps(body).encode()
        try:
            connection.request(method, target, body=content, headers=sent)
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ConnectionFailed("The connection to the daemon failed.") from error


class Stream:
    """The lines of an event stream. `close` may come from another thread: reading then ends."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._socket = connection.sock
        self._connection = connection
        self._response = response

    def lines(self) -> Iterator[str]:
        """Ends with the stream. Raises `ConnectionFailed` when the connection breaks or falls silent."""
        while True:
            try:
                line = self._response.readline()
            except TimeoutError as error:
                raise ConnectionFailed("The event stream has fallen silent.") from error
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
                raise ConnectionFailed("The event stream broke off.") from error
            if line == b"":
                return
            yield line.decode("utf-8").rstrip("\r\n")

    def close(self) -> None:
        """Ends it, wherever it is."""
        raw = getattr(getattr(self._response, "fp", None), "raw", None)
        held = self._socket or getattr(raw, "_sock", None)
        if held is not None:
            try:
                held.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._connection.close()


def _connect(url: str, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    if url.startswith("unix:"):
        return _UnixConnection(url[len("unix:") :], timeout), ""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout), parts.path
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout), parts.path


def _refused(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> ApiError:
    try:
        body = response.read()
    except (OSError, http.client.HTTPException):
        body = b""
    finally:
        connection.close()
    return to_api_error(response.status, _lower(response), body)


def _lower(response: http.client.HTTPResponse) -> Mapping[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _to_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _to_wait(error: ApiError | ConnectionFailed, failures: int) -> float | None:
    if isinstance(error, ConnectionFailed):
        return to_delay(failures)
    if not error.retryable or (error.retry_after or 0) > _MOST:
        return None
    return max(error.retry_after or 0, to_delay(failures))
