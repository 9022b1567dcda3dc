import { isDeepStrictEqual } from 'node:util'
import { Problem, type Payload, type UpdateSession } from '@codesdkd/protocol'
import type { SessionChanges, SessionRecord } from './ports.ts'
import { checkPermissionMode, type SessionRules } from './session-record.ts'

/** Characters of all metadata as JSON. One request cannot bring more, many could. */
const METADATA_LIMIT = 1024 * 1024

/** A merge patch -> the settings that are different afterwards. Throws the problems of `PATCH /sessions/{id}`. */
export function toChanges(record: SessionRecord, request: UpdateSession, rules: SessionRules): SessionChanges {
  const { title, model, archived, permission_mode: permissionMode } = request
  if (permissionMode !== undefined) checkPermissionMode(permissionMode, rules)
  const wanted: SessionChanges = {
    ...(title === undefined ? {} : { title }),
    ...(request.metadata === undefined ? {} : { metadata: merge(record.metadata, request.metadata) }),
    ...(permissionMode === undefined ? {} : { permissionMode }),
    ...(model === undefined ? {} : { model }),
    ...(archived === undefined ? {} : { archived }),
  }
  const before = new Map<string, unknown>(Object.entries(record))
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => !isDeepStrictEqual(value, before.get(name))))
}

/** The payload's names of what has changed. */
export function toChanged({ permissionMode, ...changes }: SessionChanges): Payload<'session.updated'>['changed'] {
  const { metadata, ...rest } = changes
  return {
    ...rest,
    ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
    ...(permissionMode === undefined ? {} : { permission_mode: permissionMode }),
  }
}

function merge(metadata: SessionRecord['metadata'], patch: Readonly<Record<string, string | null>> | null): SessionRecord['metadata'] {
  if (patch === null) return {}
  const merged = Object.entries({ ...metadata, ...patch }).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]))
  const result = Object.fromEntries(merged)
  const size = JSON.stringify(result).length
  if (size <= METADATA_LIMIT) return result
  throw new Problem('invalid_request', `metadata: all of it together has at most ${METADATA_LIMIT} characters.`, {
    members: { field: 'metadata', limit: METADATA_LIMIT, current: size },
  })
}
