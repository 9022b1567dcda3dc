import { mkdir, readdir, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { version } from '../../packages/daemon/src/version.ts'
import { createFolder } from '../harness/workspace.ts'
import { root, run } from '../lifecycle/testing/host.ts'

/** What the packages are installed as. */
const places = {
  codesdkd: 'codesdkd',
  'codesdkd-protocol': '@codesdkd/protocol',
  'codesdkd-client': '@codesdkd/client',
  'codesdkd-inspector': '@codesdkd/inspector',
  'codesdkd-offline-model': '@codesdkd/offline-model',
}

test(
  'the packages of npm run where they are installed, with the sandbox, and say how to build its relay',
  { timeout: 240_000 },
  async () => {
    await using folder = await createFolder()
    const modules = join(folder.path, 'node_modules')
    await mkdir(join(modules, '@codesdkd'), { recursive: true })
    const packed = await run(process.execPath, [join(root, 'scripts/pack.ts'), folder.path], { limitMs: 200_000 })
    expect(packed, packed.stderr).toMatchObject({ code: 0 })
    for (const [name, place] of Object.entries(places)) {
      expect(await run('tar', ['-xzf', join(folder.path, `${name}-${version}.tgz`), '-C', folder.path])).toMatchObject({ code: 0 })
      await rename(join(folder.path, 'package'), join(modules, place))
    }
    // All else as npm would install it.
    const installed = (await readdir(join(root, 'node_modules'))).filter((name) => !name.startsWith('.') && !/^@?codesdkd$/.test(name))
    for (const name of installed) await symlink(join(root, 'node_modules', name), join(modules, name))

    const executable = join(modules, 'codesdkd/bin/codesdkd.js')
    const examine = async () => {
      const { stdout } = await run(process.execPath, [executable, 'agents', 'doctor', '--json', '--data-dir', folder.dataDir])
      const { findings } = JSON.parse(stdout) as {
        findings: readonly { about: string; level: string; message: string; mend: string | null }[]
      }
      return findings.find(({ about }) => about === 'sandbox')
    }
    expect(await run(process.execPath, [executable, '--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
    const host = `import { startDaemon } from '@codesdkd/client/node'
      await using daemon = await startDaemon({ dataDir: process.argv[1] })
      process.stdout.write((await daemon.client.getAbout()).version)
      if (!(await daemon.client.getInspector()).includes('inspector/')) throw new Error('there is no inspector')`
    expect(
      await run('sh', ['-c', 'cd "$0" && exec "$@"', folder.path, process.execPath, '--input-type=module', '-e', host, folder.dataDir]),
    ).toEqual({ code: 0, stdout: version, stderr: '' })
    if (process.platform !== 'linux') return
    expect(await examine()).toMatchObject({ level: 'ok', message: 'bubblewrap' })
    await rm(join(modules, `codesdkd/native/relay-linux-${process.arch}`))
    const unbuilt = await examine()
    expect(unbuilt).toMatchObject({ level: 'warning', message: 'The relay of the sandbox has not been built.' })
    const [, command = ''] = /`(.*)`/.exec(unbuilt?.mend ?? '') ?? []
    expect(await run('sh', ['-c', command])).toMatchObject({ code: 0, stderr: '' })
    expect(await examine()).toMatchObject({ level: 'ok' })
  },
)
