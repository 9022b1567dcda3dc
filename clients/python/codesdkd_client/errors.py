"""What can go wrong between a program and the daemon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_STANDARD = {"type", "title", "status", "detail", "error", "message", "request_id", "retryable"}
# What proxies answer while the daemon behind them is away.
_PASSING = {502, 503, 504}


class ConnectionFailed(Exception):
    """The daemon could not be reached, or the connection was lost before the answer was whole."""


class ApiError(Exception):
    """The daemon, or something in front of it, refused a request.

    `code` is one of the catalogue of problems, or `unexpected_reply` for an answer that is none of the daemon's. `retry_after` is in
    seconds; `members` is what else the problem says.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        retryable: bool,
        retry_after: float | None,
        request_id: str | None,
        members: Mapping[str, Any],
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after
        self.request_id = request_id
        self.members = members


class ResyncNeeded(Exception):
    """The place that was reached is not in the log of the daemon: what came before is not the past of what would come."""

    def __init__(self, reason: str, log_id: str, position: str) -> None:
        super().__init__(f"The log of the daemon is not the one that was followed ({reason}).")
        self.reason = reason
        self.log_id = log_id
        self.position = position


class DaemonStartError(Exception):
    """The daemon has ended before it was ready, or was not ready in time."""

    def __init__(self, message: str, exit_code: int | None, stderr_tail: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.stderr_tail = stderr_tail


def to_api_error(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error that an answer tells."""
    try:
        retry_after: float | None = float(headers.get("retry-after", ""))
    except ValueError:
        retry_after = None
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("error"), str):
        return ApiError(
            f"The answer is HTTP {status} and no problem of codesdkd.",
            code="unexpected_reply",
            status=status,
            retryable=status in _PASSING,
            retry_after=retry_after,
            request_id=None,
            members={},
        )
    return ApiError(
        str(problem.get("detail", problem["error"])),
        code=problem["error"],
        status=status,
        retryable=problem.get("retryable") is True,
        retry_after=retry_after,
        request_id=problem.get("request_id"),
        members={name: value for name, value in problem.items() if name not in _STANDARD},
    )
