import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** What a process did that matters to a disk, or that somebody could see, in order. */
export type Op = { readonly at: number } & (
  | { readonly kind: 'open'; readonly path: string; readonly fd: string; readonly truncate: boolean }
  | { readonly kind: 'write'; readonly path: string; readonly fd: string; readonly offset: number | null; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'mkdir' | 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  /** Bytes that left for a client. */
  | { readonly kind: 'send'; readonly fd: string; readonly data: Buffer }
)

const calls = 'openat,write,writev,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir'

/** The command that writes the trace of what stands behind it. */
export const tracer = (file: string): readonly string[] => [
  'strace',
  '-f',
  '-qq',
  '-y',
  '-xx',
  '-ttt',
  '-s',
  '33554432',
  '-e',
  `trace=${calls}`,
  '-e',
  'signal=none',
  '-o',
  file,
]

/** Reads a trace, as far as it is about files below `root` and about sockets. */
export async function readTrace(file: string, root: string): Promise<readonly Op[]> {
  const ops: Op[] = []
  const unfinished = new Map<string, string>()
  for await (const line of createInterface({ input: createReadStream(file, 'latin1'), crlfDelay: Infinity })) {
    const [, pid = '', time = '', rest = ''] = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line) ?? []
    const cut = / *<unfinished \.\.\.>$/.exec(rest)
    if (cut !== null) {
      unfinished.set(pid, rest.slice(0, cut.index))
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest)
    const whole = resumed === null ? rest : (unfinished.get(pid) ?? '') + rest.slice(resumed[0].length)
    const op = toOp(whole, Number(time) * 1000, pid)
    if (op !== null && isBelow(op, root)) ops.push(op)
  }
  return ops
}

function isBelow(op: Op, root: string): boolean {
  if (op.kind === 'send') return true
  const path = op.kind === 'rename' ? op.to : op.path
  return path.startsWith(`${root}/`) || path === root
}

function toOp(text: string, at: number, pid: string): Op | null {
  const [, call = '', args = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/s.exec(text) ?? []
  if (call === '' || result.startsWith('-')) return null
  const [, fd = '', where = ''] = /^(\d+|AT_FDCWD)<([^>]*)>/.exec(args) ?? []
  const path = decode(where).toString()
  const key = `${pid} ${fd}`
  const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = '']) => decode(hex))
  const names = strings.map(String)
  switch (call) {
    case 'openat':
      return args.includes('O_CREAT') || args.includes('O_TRUNC')
        ? { kind: 'open', at, path: names[0] ?? '', fd: `${pid} ${result}`, truncate: args.includes('O_TRUNC') }
        : null
    case 'write':
    case 'writev':
    case 'pwrite64': {
      const data = Buffer.concat(strings).subarray(0, Number(result))
      if (path.startsWith('socket:')) return { kind: 'send', at, fd: path, data }
      const offset = call === 'pwrite64' ? Number(/, (\d+)$/.exec(args)?.[1]) : null
      return { kind: 'write', at, path, fd: key, offset, data }
    }
    case 'fsync':
    case 'fdatasync':
      return { kind: 'sync', at, path }
    case 'ftruncate':
      return { kind: 'truncate', at, path, size: Number(/, (\d+)$/.exec(args)?.[1]) }
    case 'mkdir':
    case 'mkdirat':
      return { kind: 'mkdir', at, path: names[0] ?? '' }
    case 'unlink':
    case 'unlinkat':
    case 'rmdir':
      return { kind: 'remove', at, path: names[0]?.startsWith('/') === true ? names[0] : `${path}/${names[0] ?? ''}` }
    default:
      return { kind: 'rename', at, from: names[0] ?? '', to: names[1] ?? '' }
  }
}

function decode(hex: string): Buffer {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex')
}
