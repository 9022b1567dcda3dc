import { open, readFile, type FileHandle } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'

interface Range {
  readonly from: number
  readonly to: number
}

const PAGE = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }))
const PIECE = 16 * 1024 * 1024
/** Pieces of what is in one place overlap by this much. */
const OVERLAP = 256

/**
 * All that a process holds in memory but for the unchanged pages of files. Ends early where the process does; rejects where its memory
 * must not be read.
 */
export async function* readMemory(pid: number): AsyncGenerator<Buffer> {
  try {
    const ranges = toRanges(await readFile(`/proc/${pid}/maps`, 'latin1'))
    await using memory = await open(`/proc/${pid}/mem`, 'r')
    await using pages = await open(`/proc/${pid}/pagemap`, 'r')
    for (const range of ranges)
      for (const held of await findHeld(pages, range))
        for (let at = held.from; at < held.to; at += PIECE - OVERLAP) yield* read(memory, at, held)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

async function* read(memory: FileHandle, from: number, { to }: Range): AsyncGenerator<Buffer> {
  try {
    const { buffer, bytesRead } = await memory.read(Buffer.alloc(Math.min(PIECE, to - from)), 0, null, from)
    yield buffer.subarray(0, bytesRead)
  } catch (error) {
    // It gave the page back meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'EIO')) throw error
  }
}

/** What can be read, and is not simply a file: that is searched where it lies. */
function toRanges(maps: string): readonly Range[] {
  return maps.split('\n').flatMap((line) => {
    const [, from = '', to = '', mode = '', inode, name = ''] = /^(\w+)-(\w+) (\S+) \S+ \S+ (\d+) *(.*)$/.exec(line) ?? []
    const own = mode.startsWith('rw') || (mode.startsWith('r') && inode === '0')
    return own && !/^\[(?:vvar|vdso|vsyscall)/.test(name) ? [{ from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) }] : []
  })
}

/** The pages of a range that have ever been used: some programs reserve many times what there is. */
async function findHeld(pages: FileHandle, { from, to }: Range): Promise<readonly Range[]> {
  const held: Range[] = []
  const step = 1024 * 1024
  for (let first = from / PAGE; first < to / PAGE; first += step) {
    const count = Math.min(step, to / PAGE - first)
    const { buffer, bytesRead } = await pages.read(Buffer.alloc(count * 8), 0, null, first * 8)
    for (let page = 0; page < bytesRead / 8; page++) {
      // The two highest bits: in memory, and swapped out.
      if (((buffer[page * 8 + 7] ?? 0) & 0xc0) === 0) continue
      const at = (first + page) * PAGE
      const last = held.at(-1)
      if (last?.to === at) held[held.length - 1] = { from: last.from, to: at + PAGE }
      else held.push({ from: at, to: at + PAGE })
    }
  }
  return held
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
}
