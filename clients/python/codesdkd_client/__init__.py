"""Programs codesdkd: one model over many coding agents."""

from .client import ApprovalHandler, Client, Decision, EventStream, QuestionHandler, TaskResult
from .daemon import Daemon, FoundDaemon, find_daemon, start_daemon
from .errors import ApiError, ConnectionFailed, DaemonStartError, ResyncNeeded
from .following import Event, Following, Phase, Placed
from .transport import Answer

__all__ = [
    "Answer",
    "ApiError",
    "ApprovalHandler",
    "Client",
    "ConnectionFailed",
    "Daemon",
    "DaemonStartError",
    "Decision",
    "Event",
    "EventStream",
    "Following",
    "FoundDaemon",
    "Phase",
    "Placed",
    "QuestionHandler",
    "ResyncNeeded",
    "TaskResult",
    "find_daemon",
    "start_daemon",
]
