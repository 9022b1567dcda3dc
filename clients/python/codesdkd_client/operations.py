# Made by `npm run python` from the OpenAPI document: not to be edited.
"""A method for every operation."""

from __future__ import annotations

from typing import Any, Literal

from . import types as t
from .transport import Answer, Transport, new_id, path_of


class Operations:
    """Ids come first, then the body, then the query by name. Every method raises `ApiError` or `ConnectionFailed`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def list_runtimes(self) -> t.RuntimeList:
        """The runtimes there are. `GET /runtimes`"""
        return self.transport.json("GET", path_of("/runtimes"), again=True)  # type: ignore[no-any-return]

    def verify_runtime(self, name: str, body: t.VerifyRuntime | None = None) -> t.Verification:
        """Measure what the installed agent can do. `POST /runtimes/{name}/verify`"""
        return self.transport.json("POST", path_of("/runtimes/{name}/verify", name), body=body or {}, again=False, timeout=180)  # type: ignore[no-any-return]

    def get_health(self, *, runtime: str | None = None) -> t.Health:
        """Health of a runtime. `GET /health`"""
        return self.transport.json("GET", path_of("/health"), query={"runtime": runtime}, again=True)  # type: ignore[no-any-return]

    def get_capabilities(self, *, runtime: str | None = None) -> t.MeasuredCapabilities:
        """What a runtime can do. `GET /capabilities`"""
        return self.transport.json("GET", path_of("/capabilities"), query={"runtime": runtime}, again=True)  # type: ignore[no-any-return]

    def get_auth_status(self, *, runtime: str | None = None, credential_namespace: str | None = None) -> t.AuthStatus:
        """Whether a runtime is logged in. `GET /auth/status`"""
        return self.transport.json("GET", path_of("/auth/status"), query={"runtime": runtime, "credential_namespace": credential_namespace}, again=True)  # type: ignore[no-any-return]

    def list_sessions(self, *, after: str | None = None, limit: int | None = None, scope: Literal["daemon", "archived", "all"] | None = None, runtime: str | None = None, credential_namespace: str | None = None, phase: t.SessionPhase | None = None) -> t.SessionList:
        """Sessions, oldest first. `GET /sessions`"""
        return self.transport.json("GET", path_of("/sessions"), query={"after": after, "limit": limit, "scope": scope, "runtime": runtime, "credential_namespace": credential_namespace, "phase": phase}, again=True)  # type: ignore[no-any-return]

    def create_session(self, body: t.CreateSession | None = None, *, key: str | None = None) -> t.Session:
        """Create a session. `POST /sessions`"""
        return self.transport.json("POST", path_of("/sessions"), body=body or {}, headers={"idempotency-key": key or new_id("key_")}, again=True)  # type: ignore[no-any-return]

    def get_session(self, session_id: str) -> t.Session:
        """One session. `GET /sessions/{session_id}`"""
        return self.transport.json("GET", path_of("/sessions/{session_id}", session_id), again=True)  # type: ignore[no-any-return]

    def update_session(self, session_id: str, body: t.UpdateSession | None = None) -> t.Session:
        """Change settings of a session. `PATCH /sessions/{session_id}`"""
        return self.transport.json("PATCH", path_of("/sessions/{session_id}", session_id), body=body or {}, again=True)  # type: ignore[no-any-return]

    def delete_session(self, session_id: str, *, stop: Literal["true", "false"] | None = None) -> None:
        """Delete a session and all that is kept of it. `DELETE /sessions/{session_id}`"""
        return self.transport.delete("DELETE", path_of("/sessions/{session_id}", session_id), query={"stop": stop}, again=True, timeout=60)

    def hand_off_session(self, session_id: str, body: t.HandOffSession | None = None) -> t.Handoff:
        """Let another runtime go on with a session. `POST /sessions/{session_id}/handoff`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/handoff", session_id), body=body or {}, again=True)  # type: ignore[no-any-return]

    def fork_session(self, session_id: str, body: t.ForkSession | None = None, *, key: str | None = None) -> t.Session:
        """Make a second session out of the past of one. `POST /sessions/{session_id}/fork`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/fork", session_id), body=body or {}, headers={"idempotency-key": key or new_id("key_")}, again=True)  # type: ignore[no-any-return]

    def get_replay(self, session_id: str) -> t.Replay:
        """How far the replay of a support bundle has come. `GET /sessions/{session_id}/replay`"""
        return self.transport.json("GET", path_of("/sessions/{session_id}/replay", session_id), again=True)  # type: ignore[no-any-return]

    def update_replay(self, session_id: str, body: t.UpdateReplay | None = None) -> t.Replay:
        """Change the pace of a replay. `PATCH /sessions/{session_id}/replay`"""
        return self.transport.json("PATCH", path_of("/sessions/{session_id}/replay", session_id), body=body or {}, again=True)  # type: ignore[no-any-return]

    def step_replay(self, session_id: str, body: t.StepReplay | None = None) -> t.Replay:
        """Let the next events of a replay happen. `POST /sessions/{session_id}/replay/step`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/replay/step", session_id), body=body or {}, again=False)  # type: ignore[no-any-return]

    def read_events(self, session_id: str, *, after_seq: int | None = None, from_seq: int | None = None, limit: int | None = None, types: str | None = None, until: Literal["idle"] | None = None) -> t.EventPage:
        """Events of a session: a page, or a stream. `GET /sessions/{session_id}/events`"""
        return self.transport.json("GET", path_of("/sessions/{session_id}/events", session_id), query={"after_seq": after_seq, "from_seq": from_seq, "limit": limit, "types": types, "until": until}, again=True)  # type: ignore[no-any-return]

    def start_task(self, session_id: str, body: t.CreateTask | None = None) -> t.TaskStarted:
        """Start a task. `POST /sessions/{session_id}/tasks`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/tasks", session_id), body={"task_id": new_id("task_"), **(body or {})}, again=True)  # type: ignore[no-any-return]

    def list_tasks(self, session_id: str, *, after: str | None = None, limit: int | None = None) -> t.TaskList:
        """Tasks of a session, oldest first. `GET /sessions/{session_id}/tasks`"""
        return self.transport.json("GET", path_of("/sessions/{session_id}/tasks", session_id), query={"after": after, "limit": limit}, again=True)  # type: ignore[no-any-return]

    def get_task(self, session_id: str, task_id: str) -> t.Task:
        """One task. `GET /sessions/{session_id}/tasks/{task_id}`"""
        return self.transport.json("GET", path_of("/sessions/{session_id}/tasks/{task_id}", session_id, task_id), again=True)  # type: ignore[no-any-return]

    def stop_task(self, session_id: str, task_id: str, body: t.StopTask | None = None) -> t.StopResponse:
        """Stop a task. `POST /sessions/{session_id}/tasks/{task_id}/stop`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/tasks/{task_id}/stop", session_id, task_id), body=body or {}, again=True, timeout=60)  # type: ignore[no-any-return]

    def read_transcript(self, session_id: str, *, after: str | None = None, limit: int | None = None, task_id: str | None = None) -> t.TranscriptPage:
        """The conversation of a session, folded from its log. `GET /sessions/{session_id}/transcript`"""
        return self.transport.json("GET", path_of("/sessions/{session_id}/transcript", session_id), query={"after": after, "limit": limit, "task_id": task_id}, again=True)  # type: ignore[no-any-return]

    def list_approvals(self, *, after: str | None = None, limit: int | None = None) -> t.ApprovalList:
        """Everything that waits for a person, oldest first. `GET /approvals`"""
        return self.transport.json("GET", path_of("/approvals"), query={"after": after, "limit": limit}, again=True)  # type: ignore[no-any-return]

    def approve_tool_call(self, session_id: str, tool_call_id: str, body: t.ApproveRequest | None = None) -> t.DecisionResponse:
        """Approve a tool call. `POST /sessions/{session_id}/tool-calls/{tool_call_id}/approve`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/tool-calls/{tool_call_id}/approve", session_id, tool_call_id), body=body or {}, again=True)  # type: ignore[no-any-return]

    def deny_tool_call(self, session_id: str, tool_call_id: str, body: t.DenyRequest | None = None) -> t.DecisionResponse:
        """Deny a tool call. `POST /sessions/{session_id}/tool-calls/{tool_call_id}/deny`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/tool-calls/{tool_call_id}/deny", session_id, tool_call_id), body=body or {}, again=True)  # type: ignore[no-any-return]

    def give_tool_result(self, session_id: str, tool_call_id: str, body: t.ToolResultRequest | None = None) -> t.ToolResultResponse:
        """Give the result of a tool that the host runs. `POST /sessions/{session_id}/tool-calls/{tool_call_id}/result`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/tool-calls/{tool_call_id}/result", session_id, tool_call_id), body=body or {}, again=True)  # type: ignore[no-any-return]

    def write_tool_output(self, session_id: str, tool_call_id: str, body: t.ToolOutputRequest | None = None) -> t.ToolResultResponse:
        """Show what a tool of the host writes while it runs. `POST /sessions/{session_id}/tool-calls/{tool_call_id}/output`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/tool-calls/{tool_call_id}/output", session_id, tool_call_id), body=body or {}, again=False)  # type: ignore[no-any-return]

    def list_questions(self, *, after: str | None = None, limit: int | None = None) -> t.QuestionList:
        """Every question of an agent that waits for a person, oldest first. `GET /questions`"""
        return self.transport.json("GET", path_of("/questions"), query={"after": after, "limit": limit}, again=True)  # type: ignore[no-any-return]

    def answer_question(self, session_id: str, question_id: str, body: t.AnswerRequest | None = None) -> t.AnswerResponse:
        """Answer a question of the agent, or decline to. `POST /sessions/{session_id}/questions/{question_id}/answer`"""
        return self.transport.json("POST", path_of("/sessions/{session_id}/questions/{question_id}/answer", session_id, question_id), body=body or {}, again=False)  # type: ignore[no-any-return]

    def upload_artifact(self, body: t.UploadArtifact | None = None) -> t.Artifact:
        """Store a file that tasks of a session may name. `POST /artifacts`"""
        return self.transport.json("POST", path_of("/artifacts"), body=body or {}, again=False)  # type: ignore[no-any-return]

    def get_artifact(self, artifact_id: str) -> Answer:
        """The bytes of an artifact, with the stored content type. `GET /artifacts/{artifact_id}`"""
        return self.transport.raw("GET", path_of("/artifacts/{artifact_id}", artifact_id), again=True)

    def download_artifact(self, artifact_id: str) -> Answer:
        """The same, always as attachment. `GET /artifacts/{artifact_id}/download`"""
        return self.transport.raw("GET", path_of("/artifacts/{artifact_id}/download", artifact_id), again=True)

    def get_support_bundle(self, session_id: str, *, task_id: str | None = None) -> Answer:
        """A tar.gz with what support needs to know of a session. `GET /sessions/{session_id}/support-bundle`"""
        return self.transport.raw("GET", path_of("/sessions/{session_id}/support-bundle", session_id), query={"task_id": task_id}, again=True, timeout=180)

    def mint_token(self, body: t.MintToken | None = None) -> t.MintedToken:
        """Make a short-lived token with a part of your own rights. `POST /tokens`"""
        return self.transport.json("POST", path_of("/tokens"), body=body or {}, again=False)  # type: ignore[no-any-return]

    def revoke_token(self, token_id: str) -> None:
        """Revoke a token that you have made. `DELETE /tokens/{token_id}`"""
        return self.transport.delete("DELETE", path_of("/tokens/{token_id}", token_id), again=True)

    def get_about(self) -> t.About:
        """Who answers here. `GET /`"""
        return self.transport.json("GET", path_of("/"), again=True)  # type: ignore[no-any-return]

    def get_status(self) -> t.Status:
        """The daemon about itself. `GET /status`"""
        return self.transport.json("GET", path_of("/status"), again=True)  # type: ignore[no-any-return]

    def get_livez(self) -> t.Alive:
        """The process answers. `GET /livez`"""
        return self.transport.json("GET", path_of("/livez"), again=True)  # type: ignore[no-any-return]

    def get_readyz(self) -> t.Alive:
        """The daemon takes work. `GET /readyz`"""
        return self.transport.json("GET", path_of("/readyz"), again=True)  # type: ignore[no-any-return]

    def get_metrics(self) -> Answer:
        """Prometheus metrics. `GET /metrics`"""
        return self.transport.raw("GET", path_of("/metrics"), again=True)

    def get_open_api(self) -> Any:
        """This API as an OpenAPI 3.1 document. `GET /openapi.json`"""
        return self.transport.json("GET", path_of("/openapi.json"), again=True)

    def get_docs(self) -> Answer:
        """A page that shows the document. `GET /docs`"""
        return self.transport.raw("GET", path_of("/docs"), again=True)

    def get_inspector(self) -> Answer:
        """A page to watch and to run sessions in. `GET /inspector`"""
        return self.transport.raw("GET", path_of("/inspector"), again=True)

    def get_inspector_file(self, file: str) -> Answer:
        """A file of the inspector. `GET /inspector/{file}`"""
        return self.transport.raw("GET", path_of("/inspector/{file}", file), again=True)
