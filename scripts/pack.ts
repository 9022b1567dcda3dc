/**
 * Makes the npm packages of this repository: `npm run pack -- <folder>`, default `dist`. Node takes no types off below
 * node_modules, so a package holds the sources without them; all else is where it is here. The daemon, which is a program and
 * imported by nobody, is bundled. It brings the relay for this machine, and its source, of which npm makes one where that fits not.
 */
import { execFileSync } from 'node:child_process'
import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { bundleDaemon } from './bundle.ts'

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
  const manifest = JSON.parse(toJavaScript(await readFile(join(source, 'package.json'), 'utf8'))) as Manifest
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify(await (name === 'daemon' ? packDaemon : packModules)(manifest, folder, source), null, 2),
  )
  const told = execFileSync('npm', ['pack', folder, '--pack-destination', target, '--loglevel', 'error', '--json'], { cwd: root })
  for (const { filename, size, unpackedSize } of toReports(JSON.parse(told.toString())))
    console.log(`${filename} ${toKilobytes(size)} kB packed, ${toKilobytes(unpackedSize)} kB unpacked`)
}

type Manifest = Readonly<Record<string, unknown>> & { readonly dependencies?: Readonly<Record<string, string>> }

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

/** Resolves with what npm is told of a package of modules. */
async function packModules(manifest: Manifest, folder: string): Promise<Manifest> {
  // What the compiler leaves alone: the modules that declarations name.
  for await (const file of glob(join(folder, 'src/**/*.d.ts'))) await writeFile(file, toJavaScript(await readFile(file, 'utf8')))
  return toPublished(manifest)
}

/** `private` keeps the sources themselves from being published, and what builds them is of no use to others. */
function toPublished({ private: _private, devDependencies: _building, ...rest }: Manifest): Manifest {
  return rest
}

/** Puts the program where its executable finds it. Resolves with what npm is told of it. */
async function packDaemon(manifest: Manifest, folder: string, source: string): Promise<Manifest> {
  const needed = await bundleDaemon(join(source, 'src'), join(folder, 'src'))
  const executable = join(folder, 'bin/codesdkd.js')
  await writeFile(executable, (await readFile(executable, 'utf8')).replace('main.ts', 'main.cjs'))
  const dependencies = Object.fromEntries(Object.entries(manifest.dependencies ?? {}).filter(([name]) => needed.includes(name)))
  return { ...toPublished(manifest), dependencies, scripts: { install: 'node native/build-relay.mjs' } }
}
