import type { OfflineModelOptions } from '@codesdkd/offline-model'

/** What a block supposes that a page has not come to yet: `sh with: <name>`. */
export interface Setting {
  /** A task has come to the point at which it waits for a person. */
  readonly waits: boolean
  readonly runtime: string
  /** Options of the daemon, beside `--offline`. */
  readonly args: readonly string[]
  /** What the agent does when it is asked to. */
  readonly legs: NonNullable<OfflineModelOptions['scenarios']>[number]['legs']
}

export const settings: Readonly<Record<string, Setting>> = {
  'an agent that asks': {
    waits: true,
    runtime: 'claude',
    args: [],
    legs: [
      { tools: [{ tool: 'question', question: 'Which database?', options: [{ label: 'SQLite' }, { label: 'PostgreSQL' }] }] },
      { text: 'So be it.' },
    ],
  },
  'an agent that wants to reach another host': {
    waits: true,
    runtime: 'codex',
    args: ['--sandbox', 'require'],
    legs: [{ tools: [{ tool: 'shell', command: 'curl -sS https://packages.example.com/' }] }, { text: 'Nobody there.' }],
  },
  'the token of the owner': { waits: false, runtime: 'codex', args: ['--auth', 'token'], legs: [{ text: 'Nobody asked.' }] },
}
