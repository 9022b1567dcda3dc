import { readFile, realpath } from 'node:fs/promises'
import * as path from 'node:path'
import * as z from 'zod'

const manifest = z.object({
  name: z.string(),
  main: z.string().optional().catch(undefined),
  bin: z.union([z.string().transform((file) => ({ file })), z.record(z.string(), z.string())]).catch({}),
  dependencies: z.record(z.string(), z.unknown()).catch({}),
})
type Manifest = z.infer<typeof manifest>

/**
 * What a program needs of the host beside its own file: the npm package that brings it and, if that has dependencies, the folder
 * where they are. Real paths; empty for a program that no package brings, or that is not there.
 */
export async function findProgramFiles(program: string): Promise<readonly string[]> {
  const file = await realpath(program).catch(() => null)
  if (file === null) return []
  for (let directory = path.dirname(file); directory !== path.dirname(directory); directory = path.dirname(directory)) {
    const found = await readManifest(directory)
    // One without a name only says how the scripts beside it are to be read.
    if (found === null) continue
    if (!isInstalled(directory) && !names(found, directory, file)) return []
    const modules = Object.keys(found.dependencies).length === 0 ? null : toModules(directory)
    return modules === null ? [directory] : [directory, modules]
  }
  return []
}

async function readManifest(directory: string): Promise<Manifest | null> {
  const text = await readFile(path.join(directory, 'package.json'), 'utf8').catch(() => 'null')
  try {
    return manifest.safeParse(JSON.parse(text)).data ?? null
  } catch {
    return null
  }
}

function isInstalled(directory: string): boolean {
  const parent = path.dirname(directory)
  return path.basename(path.basename(parent).startsWith('@') ? path.dirname(parent) : parent) === 'node_modules'
}

/** The nearest manifest may be that of a whole home directory, which has to do with the program only if it says so. */
function names({ main, bin }: Manifest, directory: string, file: string): boolean {
  const programs = [...Object.values(bin), ...(main === undefined ? [] : [main])]
  return programs.some((one) => path.resolve(directory, one) === file)
}

/** The outermost folder of packages that this one lies in: some installers keep all of them side by side, others deep inside. */
function toModules(directory: string): string | null {
  const parts = directory.split(path.sep)
  const index = parts.indexOf('node_modules')
  return index === -1 ? null : parts.slice(0, index + 1).join(path.sep)
}
