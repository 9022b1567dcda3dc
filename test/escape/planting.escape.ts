import { execFile } from 'node:child_process'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { play } from '../conformance/round.ts'
import { shell, toScenarios } from '../conformance/script.ts'
import { claude } from '../conformance/subjects/claude.ts'
import { codex } from '../conformance/subjects/codex.ts'
import { gemini } from '../conformance/subjects/gemini.ts'
import { opencode } from '../conformance/subjects/opencode.ts'
import { qwen } from '../conformance/subjects/qwen.ts'
import { openField, type Field } from './field.ts'
import { keyPlaces } from './places.ts'
import { repositoryPlants } from './repository-plants.ts'

const user = process.getuid?.() ?? -1
const run = promisify(execFile)

const bodyOf = ({ subject, model }: Field, cwd: string) => ({
  ...subject.session({ cwd, endpoint: model.url }),
  permissionMode: 'auto',
  sandbox: 'require',
})

/** Of what holds a secret in the home: what a workspace may well have. */
const ordinary: readonly string[] = ['Documents/letter.txt', '.env']
/** What shells and git obey: these are there, and those are not. */
const known = ['.bashrc', '.profile', '.gitconfig', '.ssh/authorized_keys', '.ssh/rc', '.codex/config.toml', '.claude/settings.json']
const unknown = [
  '.bash_profile',
  '.zshrc',
  '.config/autostart/x.desktop',
  '.config/systemd/user/x.service',
  '.config/codesdkd/config.json',
  '.local/bin/ls',
]

/** What git of the user does all day. */
const everyday = [
  ['status'],
  ['diff'],
  ['add', '.'],
  ['commit', '--quiet', '--allow-empty', '--message', 'x'],
  ['log', '--oneline'],
  ['checkout', '--quiet', '.'],
]

describe.skipIf(process.platform !== 'linux')('what an agent leaves behind', () => {
  test('in a repository: git of the user runs nothing of it, but for what is known', async () => {
    await using field = await openField(codex, user)
    await using daemon = await field.start()
    const seen: Record<string, string> = {}
    for (const [index, { name, script, gap }] of repositoryPlants.entries()) {
      const cwd = join(field.folder.path, `repository-${index}`)
      const mark = join(field.outside, `ran-${index}`)
      const program = join(cwd, 'program')
      const git = (...args: readonly string[]) =>
        run('git', ['-c', 'user.name=u', '-c', 'user.email=u@localhost', ...args], {
          cwd,
          env: { PATH: process.env['PATH'], HOME: field.home },
        })
      await mkdir(cwd)
      await git('init', '--quiet')
      await writeFile(join(cwd, 'file'), 'x\n')
      await git('add', '.')
      await git('commit', '--quiet', '--message', 'first')
      await writeFile(program, `#!/bin/sh\n: > ${mark}\n`, { mode: 0o755 })
      field.model.setScenarios(toScenarios({ plant: [{ tools: [shell(script(program))] }, { text: 'Planted.' }] }))
      const { end } = await play(daemon.client, bodyOf(field, cwd), 'plant')
      expect(end).toMatchObject({ type: 'task.completed' })
      if (gap !== undefined) {
        const told = gap.told.map((path) => ({ path: join(cwd, path), change: 'add' }))
        expect(end, name).toMatchObject({ payload: { receipt: { planted_configuration: expect.arrayContaining(told) } } })
      }
      expect(await readdir(field.outside)).not.toContain(`ran-${index}`)
      for (const args of everyday) await git(...args).catch(() => null)
      seen[name] = (await readdir(field.outside)).includes(`ran-${index}`) ? 'runs' : 'held'
    }
    expect(seen).toEqual(Object.fromEntries(repositoryPlants.map(({ name, gap }) => [name, gap === undefined ? 'held' : 'runs'])))
  })

  test('in the home of the user: that is no workspace, and one inside reaches no key and no startup file, there or not', async () => {
    await using field = await openField(codex, user)
    const { home } = field
    const cwd = join(home, 'project')
    await mkdir(cwd)
    const keys = keyPlaces.filter((place) => !ordinary.includes(place))
    const lines = [
      ...keys.map((place) => `cat '${home}/${place}'; echo planted >> '${home}/${place}'; mv '${home}/${place}' stolen`),
      ...[...known, ...unknown].map((place) => `mkdir -p '${home}/${dirname(place)}'; echo planted >> '${home}/${place}'`),
      'echo over > over.txt',
    ]
    await writeFile(join(cwd, 'plant.sh'), `(${lines.join('\n')}) > said.txt 2>&1\n`)
    await field.own()
    field.model.setScenarios(toScenarios(scenarios))
    await using daemon = await field.start()
    for (const place of [home, dirname(home), '/', join(home, '.config')])
      for (const refused of [bodyOf(field, place), { ...bodyOf(field, cwd), writableRoots: [place] }])
        expect(await daemon.client.post('/sessions', refused), place).toMatchObject({ status: 403, body: { error: 'root_not_allowed' } })
    // The way that the refusal names.
    expect(await daemon.client.post('/sessions', { ...bodyOf(field, home), sandbox: 'off' })).toMatchObject({ status: 201 })
    const before = await listing(home)
    expect((await play(daemon.client, { ...bodyOf(field, cwd), readableRoots: [home] }, 'plant')).end).toMatchObject({
      type: 'task.completed',
    })
    const left = Object.entries(await listing(home))
    const isOwn = ([name]: readonly [string, string]) => name.startsWith('project')
    expect(Object.fromEntries(left.filter(isOwn))).toMatchObject({ 'project/over.txt': 'over\n' })
    for (const [name, content] of left.filter(isOwn)) expect(content, name).not.toContain(field.canaries[0])
    expect(left.filter((entry) => !isOwn(entry))).toEqual(Object.entries(before).filter((entry) => !isOwn(entry)))
  })

  test.each([codex, claude, gemini, opencode, qwen])(
    'in the home of $title: the daemon writes through no link, and another session obeys nothing',
    { timeout: 180_000 },
    async (subject) => {
      await using field = await openField(subject, user)
      const { outside, folder } = field
      const names = ['one', 'two']
      for (const name of names) await writeFile(join(outside, name), 'untouched\n')
      await mkdir(join(outside, 'directory'))
      field.model.setScenarios(toScenarios(scenarios))
      await writeFile(join(folder.workspace, 'plant.sh'), toPlanting(field))
      const before = await listing(outside)
      const session = await (async () => {
        await using daemon = await field.start()
        const { client } = daemon
        const session = await client.createSession(bodyOf(field, folder.workspace))
        await play(client, session, 'plant')
        expect(await folder.read('planted.txt'), 'what was replaced by links').toMatch(/[1-9]/)
        // The same namespace, while the first agent lives.
        const { end } = await play(client, bodyOf(field, field.besides), 'work')
        expect(end).toMatchObject({ type: 'task.completed' })
        return session
      })()
      await using daemon = await field.start()
      // Whether its agent still comes up in such a home is its own affair.
      await daemon.client.finish(await daemon.client.startTask(session.session_id, 'again'))
      expect((await play(daemon.client, bodyOf(field, field.besides), 'work')).end).toMatchObject({ type: 'task.completed' })
      expect(await listing(outside)).toEqual(before)
      expect((await readdir(field.besides)).filter((name) => name.startsWith('obeyed'))).toEqual([])
    },
  )
})

/** Names and contents. */
async function listing(directory: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => name !== 'socket')
  const entries = names.toSorted().map(async (name) => [name, await readFile(join(directory, name), 'utf8').catch(() => '')] as const)
  return Object.fromEntries(await Promise.all(entries))
}

/**
 * Replaces each file of its home by a link to a file outside, and directories by links to a directory there; and writes what shells,
 * git and agents obey, all of which would leave a file `obeyed…` where they work.
 */
function toPlanting({ outside }: Field): string {
  const obey = 'touch "$PWD/obeyed"'
  return `
base=$(dirname "$HOME")
n=0
for d in $(find "$base" -mindepth 2 -maxdepth 4 -type d -empty); do rmdir "$d" && ln -s "${outside}/directory" "$d" && n=$((n + 1)); done
find "$base" -type f > /tmp/files
while read -r f; do case $f in *.sqlite*|*.db*) continue;; esac; rm -f "$f"; ln -s "${outside}/one" "$f" && n=$((n + 1)); done < /tmp/files
for f in config.toml settings.json opencode.json .gitconfig .claude.json auth.json hooks.json; do for d in "$HOME" "$base/agent"; do rm -f "$d/$f"; ln -s "${outside}/new-$f" "$d/$f" && n=$((n + 1)); done; done
for f in .bashrc .bash_profile .profile .zshenv .bash_env; do rm -f "$HOME/$f"; echo '${obey}' > "$HOME/$f"; done
mkdir -p "$HOME/.config/git"; printf '[core]\\nfsmonitor = touch obeyed-git\\n' > "$HOME/.config/git/config"
echo $n > planted.txt
`
}

const scenarios = {
  plant: [{ tools: [shell('sh plant.sh')] }, { text: 'Planted.' }],
  again: [{ tools: [shell('echo again > again.txt')] }, { text: 'Again.' }],
  // Login shells and git are what would obey.
  work: [{ tools: [shell('git status; bash -lc true; bash -ic true; echo looked > looked.txt')] }, { text: 'Worked.' }],
}
