import { readdir, readFile, readlink } from 'node:fs/promises'
import { processesOf } from './processes.ts'

/** Far ends of all sockets (TCP and UDP) that processes of this folder hold and that are not on this machine, as the kernel shows them. */
export async function outsideSockets(folder: string): Promise<readonly string[]> {
  const rows = await Promise.all(['tcp', 'tcp6', 'udp', 'udp6'].map(readTable))
  const inodes = await inodesOf(folder)
  return rows.flat().flatMap(({ inode, remote }) => (inodes.has(inode) && !isHere(remote) ? [remote] : []))
}

async function readTable(name: string): Promise<readonly { readonly inode: string; readonly remote: string }[]> {
  const text = await readFile(`/proc/net/${name}`, 'latin1').catch(() => '')
  return text.split('\n').flatMap((line) => {
    const [, , remote, , , , , , , inode] = line.trim().split(/\s+/)
    return remote === undefined || inode === undefined || !remote.includes(':') ? [] : [{ inode, remote: `${name} ${remote}` }]
  })
}

/** Loopback, or not connected at all. */
function isHere(remote: string): boolean {
  const address = remote.split(' ')[1]?.split(':')[0] ?? ''
  // Little-endian words: 127.0.0.1 is 0100007F.
  return /^0+$/.test(address) || address.endsWith('7F') || address === '00000000000000000000000001000000'
}

async function inodesOf(folder: string): Promise<ReadonlySet<string>> {
  const processes = await processesOf(folder)
  const links = await Promise.all(
    processes.map(async ({ pid }) => {
      const fds = await readdir(`/proc/${pid}/fd`).catch(() => [])
      return Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
    }),
  )
  return new Set(links.flat().flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
}
