// Builds the wall's relay (relay.c) where it can run and a compiler is at hand. Run by npm on install, by whatever Node there
// is; never fails an install: without the relay the daemon says that it has no wall, and why.
import { spawnSync } from 'node:child_process'
import { renameSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('relay.c', import.meta.url))
const target = fileURLToPath(new URL(`relay-linux-${process.arch}`, import.meta.url))
const unfinished = `${target}.${process.pid}`
const compilers = process.env['CC'] ? [process.env['CC']] : ['cc', 'gcc', 'clang']

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

// A static program needs nothing of what is mounted; not every system has what static linking takes.
function compile() {
  for (const compiler of compilers)
    for (const linking of [['-static'], []]) {
      const { status } = spawnSync(compiler, ['-std=gnu11', '-O2', ...linking, '-s', '-o', unfinished, source], { stdio: 'ignore' })
      if (status !== 0) continue
      renameSync(unfinished, target)
      return true
    }
  rmSync(unfinished, { force: true })
  return false
}

if (process.platform === 'linux' && modified(target) < modified(source) && !compile())
  process.stderr.write(
    `codesdkd: the sandbox relay was not built, so agents run without a wall; install a C compiler and run: node ${fileURLToPath(import.meta.url)}\n`,
  )
