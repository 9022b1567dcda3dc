import { execFileSync } from 'node:child_process'
import { mkdtempSync, realpathSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of its own for one test, with a git workspace and the places beside it that must stay as they are. */
export interface TestFolder extends AsyncDisposable {
  readonly path: string
  /** A git repository with one commit, `greet.js`. */
  readonly workspace: string
  readonly dataDir: string
  read(name: string): Promise<string | null>
}

export async function createFolder(): Promise<TestFolder> {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'codesdkd-test-')))
  const workspace = join(path, 'workspace')
  execFileSync('git', ['init', '--quiet', workspace])
  await writeFile(join(workspace, 'greet.js'), 'export const greet = (name) => `Helo, ${name}!`;\n')
  execFileSync('git', ['-C', workspace, 'add', '.'])
  execFileSync('git', ['-C', workspace, '-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '--quiet', '-m', 'first'])
  return {
    path,
    workspace,
    dataDir: join(path, 'state'),
    read: (name) => readFile(join(workspace, name), 'utf8').catch(() => null),
    // Agents that end may still be writing their last lines into their home.
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  }
}
