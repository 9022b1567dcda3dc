/**
 * How the database came to its present shape: one entry per version, run once and in order. Entries are never
 * changed after a release; a new version is a new entry.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE session (
    session_no           INTEGER PRIMARY KEY,
    session_id           TEXT NOT NULL UNIQUE,
    runtime              TEXT NOT NULL,
    credential_namespace TEXT NOT NULL,
    idempotency_key      TEXT,
    record               TEXT NOT NULL,
    snapshot             TEXT NOT NULL
  ) STRICT;
  CREATE INDEX session_by_idempotency_key ON session (idempotency_key) WHERE idempotency_key IS NOT NULL;

  CREATE TABLE event (
    cursor     INTEGER PRIMARY KEY,
    session_no INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    type       TEXT NOT NULL,
    body       TEXT NOT NULL,
    UNIQUE (session_no, seq)
  ) STRICT;

  CREATE TABLE task (
    task_no    INTEGER PRIMARY KEY,
    session_no INTEGER NOT NULL,
    task_id    TEXT NOT NULL,
    open       INTEGER NOT NULL,
    record     TEXT NOT NULL,
    UNIQUE (session_no, task_id)
  ) STRICT;
  CREATE INDEX task_in_order ON task (session_no, task_no);
  CREATE INDEX task_open ON task (session_no) WHERE open = 1;

  CREATE TABLE artifact (
    artifact_no  INTEGER PRIMARY KEY,
    artifact_id  TEXT NOT NULL UNIQUE,
    session_id   TEXT NOT NULL,
    content_type TEXT NOT NULL,
    name         TEXT,
    size         INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    created_at   TEXT NOT NULL
  ) STRICT;
  CREATE INDEX artifact_of_session ON artifact (session_id, artifact_no);

  -- AUTOINCREMENT: rows of this run can be told from those that an earlier run left, also after those are gone.
  CREATE TABLE process (
    process_no INTEGER PRIMARY KEY AUTOINCREMENT,
    pid        INTEGER NOT NULL,
    start_time TEXT,
    boot_id    TEXT NOT NULL,
    mark       TEXT NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE session ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;

  -- Sessions that were deleted: what is still stored of them nobody finds, and is erased.
  CREATE TABLE removal (
    session_no INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    record     TEXT NOT NULL
  ) STRICT;

  CREATE INDEX artifact_by_content ON artifact (sha256);
  `,
  `
  -- A row is one event, or several that follow on each other: then cursor and seq are those of the first, type has the types of all in their
  -- order (type*count,type*count) and body one JSON text to a line.
  ALTER TABLE event ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
  `,
  `
  -- From here on body is what whoever follows the session is sent: a frame of its event stream for each event. It begins with \`id: \`, those
  -- before with \`{\`; both are read. An earlier daemon knows only the latter, and is kept away by the number of this version.
  SELECT 1;
  `,
]
