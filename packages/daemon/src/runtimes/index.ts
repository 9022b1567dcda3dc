import type { Runtime } from '../core/ports.ts'
import { createCodexRuntime } from './codex/codex.ts'
import { findCodex } from './codex/executable.ts'
import type { ExecutableOptions } from './executable.ts'
import type { RuntimeOptions } from './runtime-options.ts'

/** One kind of agent: how to drive it, where its program may be, how to get it. */
export interface SupportedRuntime {
  readonly create: (options: RuntimeOptions) => Runtime
  readonly findExecutable: (options: ExecutableOptions) => Promise<string | null>
  /** The npm packages that bring it, as `name@version`: what `codesdkd agents install` installs. Empty when it is not ours to install. */
  readonly packages: readonly string[]
  /** Arguments with which its executable logs a person in; null when there is no such command. */
  readonly login: readonly string[] | null
}

/** The runtimes that are supported, by name. */
export const runtimes: ReadonlyMap<string, SupportedRuntime> = new Map([
  ['codex-sdk', { create: createCodexRuntime, findExecutable: findCodex, packages: ['@openai/codex@0.169.0'], login: ['login'] }],
])
