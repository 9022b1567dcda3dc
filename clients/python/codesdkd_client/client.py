"""A daemon, as a program sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from .errors import ApiError, ResyncNeeded
from .following import SILENCE, Event, Following, Phase
from .operations import Operations
from .transport import Transport, new_id

# Somebody else was faster, or the task has ended: there is nothing left to decide.
_SETTLED = {
    "already_decided",
    "tool_call_not_pending",
    "attempt_mismatch",
    "already_answered",
    "question_not_pending",
    "session_not_found",
}
_ENDS = {"task.completed": "completed", "task.failed": "failed", "task.stopped": "stopped"}

Decision = Mapping[str, Any]
"""`{"decision": "approve"}` or `{"decision": "deny", "reason": …}`, each with `remember` where a connection is asked for."""

ApprovalHandler = Callable[[dict[str, Any]], Decision | None]
"""Decides a call; None leaves it to others."""

QuestionHandler = Callable[[dict[str, Any]], Mapping[str, Any] | None]
"""Answers a question with `{"outcome": "accept", "content": …}` or `{"outcome": "decline"}`; None leaves it to others."""


@dataclass(frozen=True)
class TaskResult:
    """What came of a task. An agent that fails is a result, not an exception."""

    session_id: str
    task_id: str
    status: Literal["completed", "failed", "stopped"]
    reason: str
    error: dict[str, Any] | None
    receipt: dict[str, Any]
    text: str
    """The last thing that the agent said."""
    messages: list[dict[str, Any]]
    """The whole conversation of the task."""
    output: Any
    """The answer to an `output_schema`."""
    last_seq: int


class Client(Operations):
    """Typed operations, streams that survive restarts, tasks. It holds nothing open but the streams that are iterated over."""

    def __init__(self, url: str | Callable[[], str], token: str | None | Callable[[], str | None] = None) -> None:
        super().__init__(Transport(url, token))

    def follow(
        self,
        session_id: str,
        *,
        after: int = 0,
        types: Sequence[str] | None = None,
        until: Literal["idle"] | None = None,
        silence: float = SILENCE,
        on_connection: Callable[[Phase], None] = lambda phase: None,
        on_resync: Callable[[ResyncNeeded], None] | None = None,
    ) -> EventStream:
        """The events of a session, past and to come: each once, in order, over restarts of daemon and network."""
        following = Following(
            self.transport,
            session_id=session_id,
            after=str(after),
            types=types,
            until=until,
            silence=silence,
            on_connection=on_connection,
            on_resync=on_resync,
        )
        return EventStream(following)

    def follow_all(
        self,
        *,
        after: str | None = None,
        types: Sequence[str] | None = None,
        until: Literal["idle"] | None = None,
        silence: float = SILENCE,
        on_connection: Callable[[Phase], None] = lambda phase: None,
        on_resync: Callable[[ResyncNeeded], None] | None = None,
    ) -> Following:
        """The same over all sessions, each event with its cursor; `after="latest"` begins now."""
        return Following(
            self.transport,
            session_id=None,
            after=after,
            types=types,
            until=until,
            silence=silence,
            on_connection=on_connection,
            on_resync=on_resync,
        )

    def run_task(
        self,
        session_id: str,
        messages: str | list[dict[str, Any]],
        *,
        on_event: Callable[[Event], None] = lambda event: None,
        on_approval: ApprovalHandler | None = None,
        on_question: QuestionHandler | None = None,
        **task: Any,
    ) -> TaskResult:
        """Starts a task and returns what came of it. Handlers are called while the stream waits; without one, others decide.

        Whatever interrupts it (`KeyboardInterrupt`, a handler that raises) leaves the task running: `stop_task` ends it.
        """
        said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        task_id = str(task.pop("task_id", new_id("task_")))
        self.transport.json(
            "POST", f"/sessions/{session_id}/tasks", body={**task, "task_id": task_id, "messages": said}, again=True
        )
        first = self.get_task(session_id, task_id).get("first_seq", 1)
        requested: dict[tuple[str, int], Event] = {}
        with self.follow(session_id, after=first - 1) as events:
            for event in events:
                if event["trace"].get("task_id") != task_id:
                    continue
                on_event(event)
                self._put_to_person(event, requested, on_approval, on_question)
                if event["type"] in _ENDS:
                    return self._to_result(event, session_id, task_id)
        raise RuntimeError("the stream of events ended before the task")

    def on_approval(self, handler: ApprovalHandler, stop: threading.Event | None = None) -> None:
        """Puts every call that waits for a person, in any session, to `handler`, until `stop` is set. The list of the daemon is the truth."""
        types = ["tool.call.policy_evaluated"]
        seen: set[tuple[str, str, int]] = set()

        def look() -> None:
            for approval in self._pending():
                key = (approval["session_id"], approval["tool_call_id"], approval["attempt"])
                if key not in seen:
                    seen.add(key)
                    self._decide(approval, handler(approval))

        def caught_up(phase: Phase) -> None:
            if phase == "live":
                look()

        following = self.follow_all(after="latest", types=types, on_connection=caught_up, on_resync=lambda _: None)
        with _closing_on(stop, following):
            for placed in following:
                if placed.event["payload"].get("result") == "ask":
                    look()

    def _pending(self) -> Iterator[dict[str, Any]]:
        after: str | None = None
        while True:
            page = self.list_approvals(after=after, limit=500)
            for approval in page["approvals"]:
                yield dict(approval)
            after = page["next_after"]
            if after is None:
                return

    def _put_to_person(
        self,
        event: Event,
        requested: dict[tuple[str, int], Event],
        on_approval: ApprovalHandler | None,
        on_question: QuestionHandler | None,
    ) -> None:
        kind, payload = event["type"], event["payload"]
        about = {
            "session_id": event["trace"]["session_id"],
            "task_id": event["trace"]["task_id"],
            "runtime": event["runtime"]["name"],
            "asked_at": event["time"],
            "expires_at": payload.get("expires_at"),
        }
        if kind == "tool.call.requested":
            requested[payload["tool_call_id"], payload["attempt"]] = payload
        elif kind == "tool.call.policy_evaluated" and payload["result"] == "ask" and on_approval is not None:
            call = requested.get((payload["tool_call_id"], payload["attempt"]))
            if call is not None:
                approval = {**about, **call}
                self._decide(approval, on_approval(approval))
        elif kind == "question.asked" and on_question is not None:
            question = {**about, **payload}
            answer = on_question(question)
            if answer is not None:
                path = f"/sessions/{question['session_id']}/questions/{question['question_id']}/answer"
                body = dict(answer)
                _unless_settled(lambda: self.transport.json("POST", path, body=body, again=False))

    def _decide(self, approval: dict[str, Any], decision: Decision | None) -> None:
        """Sends the attempt and the hash of the input that was shown: what is approved is what will run."""
        if decision is None:
            return
        verdict = dict(decision)
        action = verdict.pop("decision")
        body = {"attempt": approval["attempt"], "input_hash": approval["input_hash"], **verdict}
        path = f"/sessions/{approval['session_id']}/tool-calls/{approval['tool_call_id']}/{action}"
        _unless_settled(lambda: self.transport.json("POST", path, body=body, again=True))

    def _to_result(self, event: Event, session_id: str, task_id: str) -> TaskResult:
        messages: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self.read_transcript(session_id, task_id=task_id, after=after)
            messages += [dict(message) for message in page["messages"]]
            after = page["next_after"]
            if after is None:
                break
        said = [
            "\n\n".join(block["text"] for block in message["content"] if block["type"] == "text")
            for message in messages
            if message["role"] == "assistant"
        ]
        payload = event["payload"]
        return TaskResult(
            session_id=session_id,
            task_id=task_id,
            status=_ENDS[event["type"]],  # type: ignore[arg-type]
            reason=payload["reason"],
            error=payload.get("error"),
            receipt=payload["receipt"],
            text=next((text for text in reversed(said) if text != ""), ""),
            messages=messages,
            output=payload.get("output"),
            last_seq=event["seq"],
        )


class EventStream:
    """The events of one session. Iterate over it once; `close` ends that, also from another thread."""

    def __init__(self, following: Following) -> None:
        self._following = following

    def __iter__(self) -> Iterator[Event]:
        for placed in self._following:
            yield placed.event

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the iteration."""
        self._following.close()


def _unless_settled(send: Callable[[], Any]) -> None:
    try:
        send()
    except ApiError as error:
        if error.code not in _SETTLED:
            raise


@contextmanager
def _closing_on(stop: threading.Event | None, following: Following) -> Iterator[None]:
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if stop is not None and stop.wait(0.2):
                following.close()
                return

    thread = threading.Thread(target=watch, daemon=True)
    if stop is not None:
        thread.start()
    try:
        yield
    finally:
        over.set()
        following.close()
