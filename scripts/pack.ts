/**
 * Makes the npm packages of this repository: `npm run pack -- <folder>`, default `dist`. Node takes no types off below
 * node_modules, so a package holds the sources without them; all else is where it is here. That of the daemon brings the
 * relay for this machine, and its source, of which npm makes one where that fits not.
 */
import { execFileSync } from 'node:child_process'
import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const target = resolve(process.argv[2] ?? join(root, 'dist'))
const packages = ['protocol', 'client', 'inspector', 'offline-model', 'daemon']
/** Beside what the compiler makes. */
const further: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  client: ['README.md'],
  inspector: ['dist'],
  'offline-model': ['README.md', 'scenarios'],
  daemon: ['bin', 'native', 'src/http/docs.html', 'src/http/examples.json'],
}

const run = (command: string, ...args: readonly string[]) => execFileSync(command, [...args], { cwd: root, stdio: 'inherit' })
const toJavaScript = (text: string) => text.replaceAll(/(?<=['"][\w./-]+)\.ts(?=['"])/g, '.js')

const stage = await mkdtemp(join(tmpdir(), 'codesdkd-pack-'))
try {
  run(process.execPath, join(root, 'packages/daemon/native/build-relay.mjs'))
  run(join(root, 'node_modules/.bin/vite'), 'build', join(root, 'packages/inspector'), '--logLevel', 'warn')
  run(join(root, 'node_modules/.bin/tsc'), '--project', 'tsconfig.pack.json', '--outDir', stage)
  await mkdir(target, { recursive: true })
  for (const name of packages) await pack(name)
} finally {
  await rm(stage, { recursive: true })
}

async function pack(name: string): Promise<void> {
  const [source, folder] = [join(root, 'packages', name), join(stage, name)]
  for (const part of further[name] ?? []) await cp(join(source, part), join(folder, part), { recursive: true })
  await cp(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  if (name === 'daemon') await cp(join(root, 'README.md'), join(folder, 'README.md'))
  const manifest = await readFile(join(source, 'package.json'), 'utf8')
  await writeFile(join(folder, 'package.json'), JSON.stringify(toPublished(toJavaScript(manifest), name), null, 2))
  // What the compiler does not know for imports: names of files that are given to others.
  for await (const file of glob(join(folder, '{bin,src}/**/*.{js,d.ts}'))) await writeFile(file, toJavaScript(await readFile(file, 'utf8')))
  // The daemon is a program: nobody imports it.
  if (name === 'daemon') for await (const file of glob(join(folder, 'src/**/*.d.ts'))) await rm(file)
  const told = execFileSync('npm', ['pack', folder, '--pack-destination', target, '--loglevel', 'error', '--json'], { cwd: root })
  for (const { filename, size, unpackedSize } of toReports(JSON.parse(told.toString())))
    console.log(`${filename} ${toKilobytes(size)} kB packed, ${toKilobytes(unpackedSize)} kB unpacked`)
}

interface PackReport {
  readonly filename: string
  /** Bytes. */
  readonly size: number
  readonly unpackedSize: number
}

/** npm tells of its packages as a list, and in newer versions by their names. */
function toReports(told: readonly PackReport[] | Readonly<Record<string, PackReport>>): readonly PackReport[] {
  return Object.values(told)
}

function toKilobytes(bytes: number): string {
  return (bytes / 1024).toFixed(0)
}

/** What npm is told of a package; `private` keeps the sources themselves from being published, and what builds them is of no use to others. */
function toPublished(manifest: string, name: string): object {
  const { private: _, devDependencies: _building, ...rest } = JSON.parse(manifest) as Record<string, unknown>
  return name === 'daemon' ? { ...rest, scripts: { install: 'node native/build-relay.mjs' } } : rest
}
