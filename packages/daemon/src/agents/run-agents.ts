import { Problem } from '@codesdkd/protocol'
import type { AgentsRequest } from '../configuration/agents-request.ts'
import type { Config } from '../configuration/config.ts'
import { DamagedKeys } from '../keys/key-store.ts'
import { examineAgents } from './doctor.ts'
import { installAgents } from './install.ts'
import { listAgents } from './list.ts'
import { loginAgent } from './login.ts'
import type { Report } from '../report.ts'
import { createRoom, type Room } from './room.ts'
import { verifyAgents } from './verify.ts'

/** `codesdkd agents …`: works without a daemon, and beside one. What is wrong is one line on stderr, exit code 1. Throws `StartFailure`. */
export async function runAgents(request: AgentsRequest, config: Config): Promise<Report> {
  await using room = createRoom(config)
  const stop = new AbortController()
  if (request.action !== 'login') for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  try {
    return await perform(request, room, stop.signal)
  } catch (error) {
    const expected = error instanceof Problem || error instanceof DamagedKeys
    if (!stop.signal.aborted && !expected) throw error
    const why = expected && !stop.signal.aborted ? error.message : 'it was ended before it was done'
    process.stderr.write(`codesdkd: ${why}\n`)
    return { exitCode: 1, stdout: '' }
  }
}

function perform(request: AgentsRequest, room: Room, signal: AbortSignal): Promise<Report> {
  switch (request.action) {
    case 'list':
      return listAgents(room, request.json)
    case 'doctor':
      return examineAgents(room, request.json)
    case 'install':
      return installAgents(room, request.name, request.json, signal)
    case 'verify':
      return verifyAgents(room, request.name, request.json, signal)
    case 'login':
      return loginAgent(room, request)
    default:
      return request satisfies never
  }
}
