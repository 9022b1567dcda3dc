import { realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { ExecutableSource } from '@codesdkd/protocol'
import { isInside } from '../core/policy/readers.ts'
import type { SupportedRuntime } from '../runtimes/index.ts'

export interface AgentExecutablesOptions {
  readonly supported: ReadonlyMap<string, SupportedRuntime>
  /** Executables that were named, by runtime. */
  readonly configured: ReadonlyMap<string, string>
  readonly dataDir: string
  /** The daemon's own `PATH`. */
  readonly searchPath: string
}

export interface AgentExecutable {
  /** Absolute. */
  readonly path: string
  readonly source: ExecutableSource
}

/** Looks where the agents' programs are; anew each time, because they may be installed meanwhile. Null where there is none. */
export interface AgentExecutables {
  find(runtime: string): Promise<AgentExecutable | null>
}

export function createAgentExecutables({ supported, configured, dataDir, searchPath }: AgentExecutablesOptions): AgentExecutables {
  return {
    async find(name) {
      const named = configured.get(name) ?? null
      const installed = toInstallDirectory(dataDir, name)
      const path = (await supported.get(name)?.findExecutable({ configured: named, installed, searchPath })) ?? null
      return path === null ? null : { path, source: named === null ? toSource(path, installed, searchPath) : 'configured' }
    },
  }
}

/** Where `codesdkd agents install` puts the packages of an agent. */
export function toInstallDirectory(dataDir: string, runtime: string): string {
  return join(dataDir, 'agents', runtime)
}

function toSource(executable: string, installed: string, searchPath: string): ExecutableSource {
  if (isInside(realPath(installed), executable)) return 'installed'
  return searchPath.split(delimiter).includes(dirname(executable)) ? 'path' : 'packaged'
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
