import { glob, readFile, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { rolldown, type InputOptions, type OutputOptions, type Plugin } from 'rolldown'

/**
 * Inside the sources: what others than the daemon run, by its path. OpenCode's plugin, the shim and the server that agents start, and the
 * worker that compiles schemas. The files of the daemon may not be there for them.
 */
const apart = ['runtimes/opencode/guard.ts', 'tools/stdio-shim.ts', 'tools/schema-worker.ts', 'verification/mcp-server.ts']
/** Packages of which the daemon finds files when it runs. Ajv compiles code that requires it, and most daemons never load it. */
const beside = ['@codesdkd/inspector', '@codesdkd/offline-model', 'ajv']
/** OpenCode brings the second. */
const external = [/^ajv\//, 'bun:sqlite']

/**
 * Makes the program of the daemon as npm gets it: a few files of all that it loads, since to find and read hundreds of them is most of a
 * start. The licenses of what others wrote lie in `THIRD-PARTY.txt` beside `target`. Resolves with the packages that are still needed.
 */
export async function bundleDaemon(source: string, target: string): Promise<readonly string[]> {
  const modules: string[] = []
  const bundle = async (input: InputOptions, output: OutputOptions) => {
    await using build = await rolldown({ platform: 'node', external, onLog: refuse, ...input })
    for (const part of (await build.write(output)).output) if (part.type === 'chunk') modules.push(...part.moduleIds)
  }
  // No ES modules: one that imports `node:http` has Node load all of `fetch` with it, which takes as long as Node itself.
  await bundle(
    { input: join(source, 'main.ts'), plugins: [keepPlaces(source)] },
    { dir: target, comments: false, format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name]-[hash].cjs' },
  )
  for (const file of apart)
    await bundle({ input: join(source, file) }, { file: join(target, file.replace(/ts$/, 'js')), format: 'es', codeSplitting: false })
  const folders = new Set(modules.flatMap((module) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(module) ?? []))
  await writeFile(join(target, '../THIRD-PARTY.txt'), (await Promise.all([...folders].toSorted().map(readNotice))).join('\n'))
  return beside
}

/** What the bundler has doubts about, a module that it does not find say, would fail where it runs. */
function refuse(_level: string, { message }: { readonly message: string }): never {
  throw new Error(message)
}

/** A source in a string that no import names. */
const namedSource = /(?<!\b(?:from|import)\b[ (]*)'(?:\S*\/)?([^/'\s]+\.ts)'/g

/** Each module finds things from where its source was, wherever its code has come to lie, and those that stay apart as JavaScript. */
function keepPlaces(source: string): Plugin {
  return {
    name: 'keep-places',
    transform: {
      filter: { id: /\.ts$/, code: /import\.meta/ },
      handler(code, id) {
        const named = [...code.matchAll(namedSource)].map(([, name = '']) => name)
        const missing = named.find((name) => !apart.some((file) => basename(file) === name))
        if (missing !== undefined) throw new Error(`${id} finds ${missing} by its path: it has to stay apart`)
        const place = `(__dirname + ${JSON.stringify(`/${relative(source, id)}`)})`
        return apart
          .map((file) => basename(file))
          .reduce((text, name) => text.replaceAll(name, name.replace(/ts$/, 'js')), code)
          .replaceAll('import.meta.dirname', `require('node:path').dirname${place}`)
          .replaceAll('import.meta.url', `require('node:url').pathToFileURL${place}.href`)
      },
    },
  }
}

/** What a package wants to be told to whoever gets a copy of it. Rejects where it has no license. */
async function readNotice(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Readonly<Record<string, string>>
  const files = (await Array.fromAsync(glob(join(folder, '{LICEN[CS]E,NOTICE,COPYING,licen[cs]e}*')))).toSorted()
  if (license === undefined && files.length === 0) throw new Error(`${folder} has no license`)
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  return [`${String(name)} ${String(version)} (${String(license)})`, ...texts].map((text) => `${text.trim()}\n`).join('\n')
}
