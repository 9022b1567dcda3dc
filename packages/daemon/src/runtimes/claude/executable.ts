import * as path from 'node:path'
import { findExecutable } from '../executable.ts'
import type { ExecutableOptions } from '../executable.ts'

/** The executable of Claude Code. */
export function findClaude(options: ExecutableOptions): Promise<string | null> {
  return findExecutable({ ...options, packaged: findPackaged, command: 'claude' })
}

type Resolve = (file: string, from?: string) => string

// The package itself is a library; the native program is in the package of the platform, of which there are two on Linux.
function findPackaged(resolve: Resolve): string {
  const sdk = resolve('@anthropic-ai/claude-agent-sdk')
  const platform = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}`
  const manifest = tryResolve(resolve, `${platform}/package.json`, sdk) ?? resolve(`${platform}-musl/package.json`, sdk)
  return path.join(path.dirname(manifest), 'claude')
}

function tryResolve(resolve: Resolve, file: string, from: string): string | null {
  try {
    return resolve(file, from)
  } catch {
    return null
  }
}
