import type { Runtime } from '../core/ports.ts'
import { createCodexRuntime } from './codex/codex.ts'
import type { CodexOptions } from './codex/codex.ts'
import { findCodex } from './codex/executable.ts'
import type { ExecutableOptions } from './codex/executable.ts'

export type RuntimeOptions = CodexOptions

export interface SupportedRuntime {
  readonly create: (options: RuntimeOptions) => Runtime
  readonly findExecutable: (options: ExecutableOptions) => Promise<string | null>
}

/** The runtimes that are supported: name -> how to make it, and where its executable may be. */
export const runtimes: ReadonlyMap<string, SupportedRuntime> = new Map([
  ['codex-sdk', { create: createCodexRuntime, findExecutable: findCodex }],
])
