import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findCodex } from '../../../packages/daemon/src/runtimes/codex/executable.ts'
import { openDirectCodex } from '../codex-direct.ts'
import { readTurn } from '../read-turn.ts'
import type { Figures, Scenario, Stage } from '../scenario.ts'
import { toSpread } from '../statistics.ts'

interface Model extends AsyncDisposable {
  readonly url: string
}

/** The model, in a process of its own, so that it costs both ways the same. */
async function openModel(): Promise<Model> {
  const child = fork(join(import.meta.dirname, '../model.ts'), { stdio: 'inherit' })
  const [url] = (await once(child, 'message')) as [string]
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

const text = 'tell me a story'
const turns = 5

interface Turn {
  readonly sent: number
  readonly first: number
  readonly ended: number
}

/** The first turn with all that stands before it, from `begun` on; the others on an agent that is up. */
function toFigures(begun: number, cold: Turn, warm: readonly Turn[]): Figures {
  return {
    cold: cold.ended - begun,
    warm: toSpread(warm.map(({ sent, ended }) => ended - sent)).median,
    first: toSpread(warm.map(({ sent, first }) => first - sent)).median,
  }
}

async function measure(stage: Stage, side: string): Promise<Figures> {
  const executable = await findCodex({ configured: null, installed: null, searchPath: process.env['PATH'] ?? '' })
  if (executable === null) throw new Error('there is no Codex here')
  await using model = await openModel()
  const warm: Turn[] = []
  if (side === 'direct') {
    const home = await stage.folder()
    await writeFile(
      join(home, 'config.toml'),
      'check_for_update_on_startup = false\n[analytics]\nenabled = false\n[features]\nplugins = false\napps = false\n',
    )
    const begun = performance.now()
    await using codex = await openDirectCodex({ executable, home, cwd: await stage.folder(), modelUrl: model.url })
    const cold = await codex.turn(text)
    while (warm.length < turns) warm.push(await codex.turn(text))
    return toFigures(begun, cold, warm)
  }
  const target = await stage.target('daemon', { agent: executable })
  const session = await target.openSession({ runtimeConfig: { base_url: `${model.url}/v1` }, model: 'gpt-5.5' })
  const begun = performance.now()
  const cold = await readTurn(target, session, text)
  while (warm.length < turns) warm.push(await readTurn(target, session, text))
  return toFigures(begun, cold, warm)
}

export const codexScenarios: readonly Scenario[] = [
  {
    id: 'codex',
    what: 'a task of the real Codex, against its app-server driven directly',
    sides: ['daemon', 'direct'],
    rows: [
      { figure: 'cold', what: 'whole task, with the start of the agent', of: 'ratio', unit: 'ms', atMost: 1.03 },
      { figure: 'warm', what: 'whole task, agent up', of: 'ratio', unit: 'ms', atMost: 1.03 },
      { figure: 'first', what: 'to the first delta, agent up', of: 'difference', unit: 'ms', atMost: 5 },
    ],
    run: measure,
  },
]
