import { readlinkSync } from 'node:fs'
import { followPath, statsOf } from './real-path.ts'
import type { Mount } from './mounts.ts'

const mebibyte = 1024 * 1024

/** Programs and libraries: on most systems all but the first are links into it. */
const programs = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store', '/gnu/store']

/** Of /etc only what is the same for everyone. `ssl` as a whole holds private keys, which belong to the user of a daemon that runs as root. */
const settings = [
  'hosts resolv.conf ld.so.cache ld.so.conf ld.so.conf.d alternatives localtime timezone mime.types protocols services os-release',
  'ssl/certs ssl/cert.pem ssl/openssl.cnf ca-certificates pki/tls/certs pki/tls/cert.pem pki/tls/openssl.cnf pki/ca-trust/extracted',
]

/** What a workspace that contains them does not give away: they decide what the machine runs. */
const machine = ['/etc', '/boot', '/sys', '/var/spool', '/var/lib', '/var/run', '/var/cache', '/lost+found']

/** What of /proc is one for the whole machine: nothing of it is an agent's business. */
const machineProcesses = 'acpi asound driver fs kcore keys kmsg latency_stats sched_debug scsi timer_list timer_stats'

/** What every place has; `scratch` can be replaced by a workspace of the same path, the rest by nothing. */
export interface SystemMounts {
  readonly scratch: readonly Mount[]
  readonly fixed: readonly Mount[]
}

/** Reads how this machine is laid out. `blank` is an empty file. */
export function readSystemMounts(blank: string): SystemMounts {
  return {
    scratch: [memory('/tmp', 1024)],
    fixed: [
      ...programs.flatMap(toProgramMount),
      ...machine.flatMap(toMask),
      ...settings.flatMap((line) => line.split(' ')).flatMap((name) => toSetting(`/etc/${name}`)),
      { kind: 'devices', path: '/dev' },
      memory('/dev/shm', 256),
      { kind: 'processes', path: '/proc' },
      ...machineProcesses.split(' ').flatMap((name) => toProcessMask(`/proc/${name}`, blank)),
      memory('/run', 16),
    ],
  }
}

function memory(path: string, mebibytes: number): Mount {
  return { kind: 'empty', path, bytes: mebibytes * mebibyte, purpose: 'place' }
}

function toProgramMount(path: string): readonly Mount[] {
  const stats = statsOf(path)
  if (stats?.isSymbolicLink() === true) return [{ kind: 'link', path, to: readlinkSync(path) }]
  return stats === undefined ? [] : [{ kind: 'read', path, source: path, purpose: 'place' }]
}

function toSetting(path: string): readonly Mount[] {
  const found = followPath(path)
  return found === null ? [] : [{ kind: 'read', path, source: found.real, purpose: 'place' }]
}

function toMask(path: string): readonly Mount[] {
  const found = followPath(path)
  return found?.stats.isDirectory() === true ? [{ kind: 'empty', path: found.real, bytes: null, purpose: 'mask' }] : []
}

function toProcessMask(path: string, blank: string): readonly Mount[] {
  const stats = statsOf(path)
  if (stats === undefined) return []
  if (stats.isDirectory()) return [{ kind: 'empty', path, bytes: null, purpose: 'place' }]
  return [{ kind: 'read', path, source: blank, purpose: 'mask' }]
}
