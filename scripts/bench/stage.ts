import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LoadProcess } from './load-process.ts'
import type { Stage } from './scenario.ts'
import { openTarget } from './target.ts'

export interface StageOptions {
  readonly scale: number
  readonly note: (text: string) => void
  /** Where profiles of the servers are to be left. */
  readonly profiles?: string
  /** Whether the stand-in agent runs behind the wall; else there is none, and the daemon's own path is what is measured. */
  readonly walled: boolean
}

/** Room for one side of one run. Disposing ends its processes and removes its files. */
export async function openStage({ scale, note, profiles, walled }: StageOptions): Promise<Stage & AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const root = await mkdtemp(join(tmpdir(), 'codesdkd-bench-'))
  stack.defer(() => rm(root, { recursive: true, force: true }))
  const parts = stack.move()
  let folders = 0
  const folder = async () => {
    const path = join(root, String((folders += 1)))
    await mkdir(path)
    return path
  }
  return {
    scale,
    folder,
    note,
    events: (full) => Math.max(100, Math.round(full * scale)),
    target: async (side, more = {}) =>
      parts.use(
        await openTarget({
          side,
          folder: await folder(),
          ...(profiles === undefined ? {} : { profiles }),
          walled,
          ...more,
        }),
      ),
    load: () => parts.use(new LoadProcess()),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
