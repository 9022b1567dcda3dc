import { lstat, readFile, realpath, rm, symlink } from 'node:fs/promises'
import * as path from 'node:path'
import { makeDirectory, replaceKnownFile } from '../own-files.ts'
import { readTextFile } from '../text-file.ts'
import { watchFile } from '../watched-file.ts'
import { isRefreshed } from './refreshed-login.ts'

/** A login is a few KB; what an agent leaves instead may be of any size. */
const maxBytes = 256 * 1024

/** The logins of a namespace in the home of one session. */
export interface LentLogins extends AsyncDisposable {
  /** The files themselves, which the links in the session's home lead to. */
  readonly files: readonly string[]
}

export interface LendOptions {
  /** Home directory in which the agent's own command has put the logins. */
  readonly from: string
  /** Home directory of the session. */
  readonly to: string
  /** Relative to both. */
  readonly names: readonly string[]
}

/**
 * Links the login files that are there. An agent that writes through a link changes the one file that there is; what one that
 * replaces files puts in the place of its link is brought home at once, and when this is disposed: a refreshed login is worth
 * nothing any more to who has the older tokens. Call it before the agent starts, and dispose it after its end.
 */
export async function lendLogins({ from, to, names }: LendOptions): Promise<LentLogins> {
  const found = await Promise.all(names.map((name) => findLogin(path.join(from, name), { home: to, name })))
  const logins = found.filter((login) => login !== null)
  await using stack = new AsyncDisposableStack()
  // One after the other: they may lie in one directory.
  for (const login of logins) stack.use(await lend(login))
  const lent = stack.move()
  return { files: logins.map(({ file }) => file), [Symbol.asyncDispose]: () => lent.disposeAsync() }
}

interface Login {
  /** The real file. */
  readonly file: string
  readonly home: string
  readonly name: string
}

async function findLogin(file: string, place: Omit<Login, 'file'>): Promise<Login | null> {
  try {
    // What leads to it is not there to be seen inside.
    const real = await realpath(file)
    return (await lstat(real)).isFile() ? { ...place, file: real } : null
  } catch {
    return null
  }
}

async function lend(login: Login): Promise<AsyncDisposable> {
  await makeDirectory(login.home, ...directoriesOf(login))
  const link = path.join(login.home, login.name)
  // An earlier daemon may have ended before it could.
  await bringHome(login, link)
  await rm(link, { recursive: true, force: true })
  await symlink(login.file, link)
  let work = Promise.resolve()
  const bring = (): Promise<void> => (work = work.then(() => bringHome(login, link)))
  // Where nothing can be watched, it is brought home at the end.
  const watcher = watchFile(link, () => void bring())
  return {
    async [Symbol.asyncDispose]() {
      watcher[Symbol.dispose]()
      await bring()
    },
  }
}

function directoriesOf({ name }: Login): readonly string[] {
  const directory = path.dirname(name)
  return directory === '.' ? [] : [directory]
}

/** Takes over what stands in the place of the link, if it can be the same login refreshed. Never rejects. */
async function bringHome(login: Login, link: string): Promise<void> {
  const { file, home } = login
  try {
    const [found, known] = [await lstat(link), await lstat(file)]
    // Another session may have refreshed it later.
    if (found.mtimeMs <= known.mtimeMs) return
    const content = await readTextFile(home, link, maxBytes)
    const text = await readFile(file, 'utf8')
    if (content === null || !isRefreshed(content, text)) return
    // Whoever logs in or out in this very moment is heard first.
    if (!(await replaceKnownFile(file, text, content))) await bringHome(login, link)
  } catch {
    // There is no login to bring home, or no home for it.
  }
}
