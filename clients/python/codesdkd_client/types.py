# Made by `npm run python` from the OpenAPI document: not to be edited.
"""Shapes of what is sent and answered, as on the wire."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

class VerifyRuntime(TypedDict):
    pass


SessionPhase = Literal["idle", "closed", "queued", "starting", "running", "waiting_approval", "waiting_input", "stopping"]


class CreateSession(TypedDict):
    runtime: NotRequired[str]
    credential_namespace: NotRequired[str]
    isolation_level: NotRequired[IsolationLevel]
    isolation_mode: NotRequired[IsolationMode]
    cwd: NotRequired[str]
    env: NotRequired[dict[str, Any] | None]
    model: NotRequired[str]
    permission_mode: NotRequired[PermissionMode]
    escalation: NotRequired[Literal["deny", "ask"]]
    trust_workspace: NotRequired[bool]
    sandbox: NotRequired[SandboxMode]
    writable_roots: NotRequired[list[str]]
    readable_roots: NotRequired[list[str]]
    network: NotRequired[Network]
    runtime_config: NotRequired[dict[str, Any]]
    approval_timeout_ms: NotRequired[int]
    title: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]


IsolationLevel = Literal["shared", "namespaced", "ephemeral"]


IsolationMode = Literal["in_process", "subprocess", "server_side"]


PermissionMode = Literal["auto", "ask", "yolo"]


SandboxMode = Literal["auto", "require", "off"]


class Network(TypedDict):
    allow: NotRequired[list[str]]


class UpdateSession(TypedDict):
    title: NotRequired[str | None]
    metadata: NotRequired[dict[str, Any] | None]
    permission_mode: NotRequired[PermissionMode]
    model: NotRequired[str | None]
    archived: NotRequired[bool]


class HandOffSession(TypedDict):
    runtime: str
    model: NotRequired[str | None]
    runtime_config: NotRequired[dict[str, Any]]
    isolation_mode: NotRequired[IsolationMode]
    env: NotRequired[dict[str, Any]]


class ForkSession(TypedDict):
    after_seq: NotRequired[int]
    title: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]


class UpdateReplay(TypedDict):
    state: NotRequired[Literal["playing", "stepping"]]
    speed: NotRequired[float | None]


class StepReplay(TypedDict):
    events: NotRequired[int]


class CreateTask(TypedDict):
    messages: list[Message]
    task_id: NotRequired[str]
    permission_mode: NotRequired[PermissionMode]
    runtime_config: NotRequired[dict[str, Any]]
    tool_manifest: NotRequired[ToolManifest]
    timeout_ms: NotRequired[int]
    approval_timeout_ms: NotRequired[int]
    output_schema: NotRequired[dict[str, Any]]
    when_busy: NotRequired[WhenBusy]


class Message(TypedDict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[ContentBlock]


ContentBlock = dict[str, Any]


ToolManifest = dict[str, Any]


class ToolDefinition(TypedDict):
    name: str
    title: NotRequired[str]
    description: str
    input_schema: dict[str, Any]
    output_schema: NotRequired[dict[str, Any]]
    permission: NotRequired[ToolPermission]
    timeout_ms: NotRequired[int]


ToolPermission = Literal["read-only", "write", "network", "dangerous"]


WhenBusy = Literal["queue", "steer", "reject"]


class StopTask(TypedDict):
    scope: NotRequired[StopScope]


StopScope = Literal["turn", "task", "tree"]


class ApproveRequest(TypedDict):
    attempt: int
    input_hash: str
    remember: NotRequired[Literal["task", "session"]]


class DenyRequest(TypedDict):
    attempt: int
    input_hash: str
    remember: NotRequired[Literal["task", "session"]]
    reason: NotRequired[str]


class ToolResultRequest(TypedDict):
    attempt: int
    input_hash: str
    result: Any
    is_error: NotRequired[bool]


class ToolOutputRequest(TypedDict):
    attempt: int
    input_hash: str
    stream: NotRequired[Literal["stdout", "stderr", "output"]]
    delta: str


class AnswerRequest(TypedDict):
    outcome: Literal["accept", "decline"]
    content: NotRequired[dict[str, Any]]
    reason: NotRequired[str]


class UploadArtifact(TypedDict):
    session_id: str
    data: str
    content_type: str
    name: NotRequired[str]


class MintToken(TypedDict):
    sessions: NotRequired[list[str]]
    verbs: list[VerbPattern]
    ttl_s: NotRequired[int]


VerbPattern = Literal["daemon:read", "runtimes:read", "runtimes:verify", "sessions:read", "sessions:write", "events:read", "tasks:read", "tasks:write", "approvals:read", "approvals:decide", "questions:read", "questions:answer", "tools:answer", "artifacts:read", "artifacts:write", "bundles:read", "tokens:mint", "daemon:*", "runtimes:*", "sessions:*", "events:*", "tasks:*", "approvals:*", "questions:*", "tools:*", "artifacts:*", "bundles:*", "tokens:*", "*"]


Confinement = Literal["sandbox", "tool_paths", "none"]


class ForkOrigin(TypedDict):
    session_id: str
    after_seq: int


class Usage(TypedDict):
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: NotRequired[int | None]
    reasoning_tokens: NotRequired[int | None]
    cost_usd: NotRequired[float | None]


ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]


class ConfinementDenial(TypedDict):
    kind: Literal["network", "file"]
    target: str
    reason: str
    source: Literal["sandbox", "output"]


class TaskError(TypedDict):
    code: Literal["agent_not_installed", "agent_start_failed", "agent_start_timeout", "agent_exited", "agent_protocol_error", "agent_error", "auth_required", "rate_limited", "usage_limit_reached", "context_window_exceeded", "model_request_rejected", "model_unavailable", "model_stream_interrupted", "model_unreachable", "deadline_exceeded", "cwd_not_allowed", "sandbox_unavailable", "resume_failed", "output_schema_mismatch", "daemon_restarted", "daemon_error", "storage_unavailable"]
    message: str
    retryable: bool
    exit_code: NotRequired[int | None]
    signal: NotRequired[str | None]
    stderr_tail: NotRequired[str]


class Receipt(TypedDict):
    files_changed: list[dict[str, Any]]
    files_changed_total: int
    commands: list[dict[str, Any]]
    commands_total: int
    approvals: dict[str, Any]
    usage: Usage | None
    model_calls: NotRequired[dict[str, Any]]
    planted_configuration: NotRequired[list[dict[str, Any]]]
    cost_usd: float | None
    time_ms: dict[str, Any]


class RuntimeList(TypedDict):
    runtimes: list[RuntimeSummary]


class RuntimeSummary(TypedDict):
    runtime: str
    version: str | None
    installed: bool
    checked_at: str
    auth: dict[str, Any]
    error: NotRequired[dict[str, Any]]
    aliases: list[str]
    default: bool
    healthy: bool
    executable_source: Literal["configured", "installed", "packaged", "path"] | None
    confinement: Confinement
    verified_at: str | None
    stale: bool


class Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    error: Literal["invalid_request", "invalid_json", "invalid_cursor", "invalid_answer", "invalid_env", "unknown_runtime", "unsupported_isolation_mode", "tool_manifest_unsupported", "attachment_unsupported", "invalid_tool_manifest", "invalid_output_schema", "invalid_tool_result", "host_required", "unauthorized", "host_not_allowed", "origin_not_allowed", "cross_site_blocked", "user_not_allowed", "agent_not_allowed", "verb_not_allowed", "namespace_not_allowed", "cwd_not_allowed", "isolation_not_allowed", "permission_mode_not_allowed", "root_not_allowed", "sandbox_not_allowed", "not_found", "session_not_found", "task_not_found", "tool_call_not_pending", "question_not_pending", "artifact_not_found", "replay_not_found", "token_not_found", "metrics_unavailable", "method_not_allowed", "request_timeout", "tool_call_not_running", "tool_result_exists", "attempt_mismatch", "input_hash_mismatch", "already_decided", "already_answered", "session_busy", "steer_unsupported", "session_archived", "session_read_only", "task_exists", "idempotency_key_reused", "cursor_ahead", "agent_not_installed", "sandbox_unavailable", "artifact_corrupt", "payload_too_large", "unsupported_media_type", "range_not_satisfiable", "headers_too_large", "backpressure", "rate_limited", "sse_limit", "too_many_tokens", "server_error", "resources_exhausted", "shutting_down", "storage_unavailable"]
    message: str
    request_id: str
    retryable: bool


class Verification(TypedDict):
    runtime: str
    agent_version: str | None
    verified_at: str
    probes: list[Probe]
    differences: list[CapabilityDifference]


class Probe(TypedDict):
    name: str
    capability: str | None
    declared: bool | float | str | None
    measured: bool | float | str | None
    ok: bool
    detail: str
    duration_ms: int


class CapabilityDifference(TypedDict):
    capability: str
    declared: bool | float | str | None
    measured: bool | float | str | None


class Health(TypedDict):
    ok: bool
    runtime: str
    version: str | None
    installed: bool
    checked_at: str
    auth: dict[str, Any]
    error: NotRequired[dict[str, Any]]


class MeasuredCapabilities(TypedDict):
    runtime: str
    supports_streaming: bool
    supports_tool_calls: bool
    supports_parallel_tool_calls: bool
    supports_stop: bool
    supports_artifacts: bool
    supports_session_create: bool
    supports_session_resume: bool
    supports_usage_reporting: bool
    supports_non_interactive: bool
    supports_steer: bool
    supports_questions: bool
    supports_host_tools: bool
    supports_attachments: bool
    supports_deny_reason: bool
    supports_output_schema: Literal["native", "validated"]
    confinement: Confinement
    max_outstanding_tool_calls: int | None
    auth_model: Literal["login", "api_key", "login_or_api_key", "none"]
    tool_execution_model: Literal["runtime", "daemon", "host"]
    permission_model: Literal["request", "callback", "mode", "none"]
    state_model: Literal["runtime_owned", "daemon_owned"]
    resume_model: Literal["native", "transcript", "none"]
    tool_replay_safety: Literal["never_replayed", "may_replay"]
    mcp_support: Literal["native", "none"]
    mcp_transports: list[Literal["stdio", "streamable_http", "sse"]]
    cancellation_model: Literal["interrupt", "kill"]
    supported_isolation_modes: list[IsolationMode]
    recommended_isolation_mode: IsolationMode
    models: NotRequired[list[str]]
    notes: NotRequired[list[str]]
    agent_version: str | None
    verified_at: str | None
    stale: bool
    differences: list[CapabilityDifference]


class AuthStatus(TypedDict):
    ok: bool
    runtime: str
    logged_in: bool
    auth_model: Literal["login", "api_key", "login_or_api_key", "none"]
    account_label: NotRequired[str]
    login_hint: NotRequired[str]


class SessionList(TypedDict):
    sessions: list[Session]
    next_after: str | None


class Session(TypedDict):
    session_id: str
    runtime: str
    runtime_session_id: str | None
    created_at: str
    model: str | None
    permission_mode: PermissionMode
    cwd: str
    credential_namespace: str
    isolation_level: IsolationLevel
    phase: SessionPhase
    last_seq: int
    title: str | None
    metadata: dict[str, Any]
    archived: bool
    forked_from: ForkOrigin | None
    read_only: NotRequired[Literal[True]]


class Handoff(TypedDict):
    session: Session
    seq: int
    receipt: HandoffReceipt


HandoffReceipt = TypedDict("HandoffReceipt", {"from": "dict[str, Any]", "to": "dict[str, Any]", "isolation_mode": "IsolationMode", "confinement": "Confinement", "runtime_config": "dict[str, Any]", "env_names": "list[str]", "env_withheld": "list[str]", "carried": "dict[str, Any]", "not_carried": "list[dict[str, Any]]"})


class Replay(TypedDict):
    session_id: str
    state: Literal["playing", "stepping", "ended"]
    speed: float | None
    first_seq: int
    seq: int
    last_seq: int


class EventPage(TypedDict):
    events: list[dict[str, Any]]
    next_seq: int
    has_more: bool


class TaskStarted(TypedDict):
    session_id: str
    task_id: str
    status: Literal["started"]
    phase: TaskPhase
    last_seq: int
    steered_into: NotRequired[str]


TaskPhase = Literal["queued", "starting", "running", "waiting_approval", "waiting_input", "stopping", "completed", "failed", "stopped"]


class TaskList(TypedDict):
    tasks: list[Task]
    next_after: str | None


class Task(TypedDict):
    session_id: str
    task_id: str
    status: TaskStatus
    last_seq: int
    phase: TaskPhase
    first_seq: NotRequired[int]
    created_at: str
    started_at: str | None
    ended_at: str | None
    usage: Usage | None
    reason: NotRequired[str]
    steered_into: NotRequired[str]
    error: NotRequired[TaskError]
    output: NotRequired[Any]
    output_ref: NotRequired[str]
    receipt: NotRequired[Receipt]


TaskStatus = Literal["running", "completed", "failed", "stopped"]


class StopResponse(TypedDict):
    ok: Literal[True]
    task_id: str
    status: TaskStatus
    scope: NotRequired[StopScope]
    processes: NotRequired[dict[str, Any] | None]


class StoppedProcess(TypedDict):
    pid: int
    name: str


class TranscriptPage(TypedDict):
    session_id: str
    last_seq: int
    tasks: list[TranscriptTask]
    messages: list[TranscriptMessage]
    next_after: str | None


class TranscriptTask(TypedDict):
    task_id: str
    status: TaskStatus
    first_seq: int
    started_at: str
    ended_at: str | None
    runtime: str
    model: str | None
    reason: NotRequired[str]
    error: NotRequired[TaskError]
    context_restored: NotRequired[dict[str, Any]]


class TranscriptMessage(TypedDict):
    message_id: str
    role: Literal["system", "user", "assistant", "tool"]
    content: list[TranscriptBlock]
    task_id: str
    first_seq: int
    last_seq: int
    time: str
    runtime: str
    model: str | None


TranscriptBlock = dict[str, Any]


class ApprovalList(TypedDict):
    approvals: list[Approval]
    next_after: str | None


class Approval(TypedDict):
    tool_call_id: str
    attempt: int
    input_hash: str
    session_id: str
    task_id: str
    runtime: str
    name: str
    kind: ToolKind
    title: str
    input: Any
    input_source: NotRequired[Literal["described"]]
    locations: NotRequired[list[dict[str, Any]]]
    diff: NotRequired[str]
    escalated: NotRequired[bool]
    reason: NotRequired[str]
    permission: NotRequired[ToolPermission]
    executed_by: NotRequired[Literal["codesdk", "host"]]
    gate: NotRequired[Literal["network"]]
    asked_at: str
    expires_at: str | None


class DecisionResponse(TypedDict):
    ok: Literal[True]
    tool_call_id: str
    decision: Literal["approved", "denied"]


class ToolResultResponse(TypedDict):
    ok: Literal[True]
    tool_call_id: str


class QuestionList(TypedDict):
    questions: list[Question]
    next_after: str | None


class Question(TypedDict):
    question_id: str
    session_id: str
    task_id: str
    runtime: str
    title: str
    schema: Any
    asked_at: str
    expires_at: str | None


class AnswerResponse(TypedDict):
    ok: Literal[True]
    question_id: str
    outcome: Literal["accept", "decline", "cancel"]


class Artifact(TypedDict):
    artifact_id: str
    session_id: str
    content_type: str
    name: str | None
    size: int
    sha256: str
    created_at: str


class MintedToken(TypedDict):
    token_id: str
    token: str
    sessions: list[str] | None
    verbs: list[Verb]
    expires_at: str


Verb = Literal["daemon:read", "runtimes:read", "runtimes:verify", "sessions:read", "sessions:write", "events:read", "tasks:read", "tasks:write", "approvals:read", "approvals:decide", "questions:read", "questions:answer", "tools:answer", "artifacts:read", "artifacts:write", "bundles:read", "tokens:mint"]


class About(TypedDict):
    ok: Literal[True]
    name: Literal["codesdkd"]
    version: str
    runtimes: list[str]
    default_runtime: str
    links: dict[str, Any]


class Status(TypedDict):
    ok: Literal[True]
    name: Literal["codesdkd"]
    version: str
    state: Literal["starting", "ready", "stopping"]
    features: list[str]
    auth: Literal["same-user", "token", "none"]
    started_at: str
    startup_ms: dict[str, Any]
    limits: dict[str, Any]
    sandbox: dict[str, Any]
    counts: dict[str, Any]
    storage: dict[str, Any]
    issues: list[dict[str, Any]]


class Alive(TypedDict):
    ok: Literal[True]
