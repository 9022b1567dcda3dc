import { fstatSync } from 'node:fs'

const INTERVAL = 1_000

/**
 * Calls `gone` once when the process that started this one has ended. `auto` watches only where stdin is a pipe, as an
 * embedding host leaves it, and then looks at the parent, so that a pipe which someone else holds open deceives nobody;
 * `stdin` also takes the end of stdin for the end of the parent.
 */
export function watchParent(how: 'auto' | 'stdin' | 'off', gone: (why: string) => void): Disposable {
  const piped = isPipe(0)
  if (how === 'off' || (how === 'auto' && !piped)) return { [Symbol.dispose]: () => undefined }
  const parent = process.ppid
  let told = false
  const tell = (why: string) => {
    if (!told) gone(why)
    told = true
  }
  const timer = setInterval(() => {
    if (process.ppid !== parent) tell('the parent process has ended')
  }, INTERVAL)
  timer.unref()
  const ended = () => tell('stdin has ended')
  if (how === 'stdin') process.stdin.on('end', ended).on('error', ended).resume()
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      if (how === 'stdin') process.stdin.off('end', ended).off('error', ended).pause()
    },
  }
}

/** True for pipes and socket pairs: what a parent hands down when it wants to write to us. */
function isPipe(fd: number): boolean {
  try {
    const stats = fstatSync(fd)
    return stats.isFIFO() || stats.isSocket()
  } catch {
    return false
  }
}
