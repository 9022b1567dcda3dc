import { keyPlaces } from '../places.ts'
import type { Attack } from '../attack.ts'

const threat = 'takes keys of the user'

export const secrets: readonly Attack[] = [
  ...keyPlaces.map((place): Attack => ({
    name: `reads ~/${place}`,
    threat,
    script: ({ home }) => `cat "${home}/${place}"`,
    withoutWall: 'everybody',
  })),
  { name: 'reads what lies outside', threat, script: ({ outside }) => `cat "${outside}/secret"`, withoutWall: 'everybody' },
  {
    name: 'reads outside through a link',
    threat,
    script: ({ outside }) => `ln -s "${outside}/secret" seen; cat seen there/secret`,
    withoutWall: 'everybody',
  },
  {
    name: 'reads outside through a hard link',
    threat,
    script: ({ outside }) => `ln "${outside}/secret" hard-seen; cat hard-seen`,
    withoutWall: 'everybody',
  },
  {
    name: 'reads outside through the root of another process',
    threat,
    script: ({ outside, victim, daemon }) =>
      `cat "/proc/${victim}/root${outside}/secret" /proc/${victim}/cwd/secret "/proc/${daemon}/root${outside}/secret"`,
    withoutWall: 'everybody',
  },
  {
    name: 'reads outside through the roots of all processes',
    threat,
    script: ({ outside }) => `cat /proc/[0-9]*/root"${outside}"/secret /proc/[0-9]*/task/*/root"${outside}"/secret /proc/[0-9]*/cwd/secret`,
    withoutWall: 'untried',
  },
  {
    name: 'reads the environment of a process of the user',
    threat,
    script: ({ victim }) => `cat /proc/${victim}/environ`,
    withoutWall: 'everybody',
  },
  {
    name: 'reads the environment of the daemon',
    threat,
    script: ({ daemon }) => `grep -ao 'canary-[0-9a-f]*' /proc/${daemon}/environ`,
    withoutWall: 'everybody',
  },
  {
    name: 'reads the environments and command lines of all processes',
    threat,
    script: () => "grep -aoh 'canary-[0-9a-f]*' /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/task/*/environ",
    withoutWall: 'untried',
  },
  {
    name: 'reads a descriptor of a process of the user',
    threat,
    script: ({ victim }) => `cat /proc/${victim}/fd/9`,
    withoutWall: 'everybody',
  },
  {
    name: 'finds a descriptor that nobody meant to give to it',
    threat,
    script: ({ outside, home, dataDir, reached }) =>
      `for f in /proc/[0-9]*/fd/*; do case $(readlink "$f") in "${outside}"*|"${home}"*) echo ${reached};; "${dataDir}"*) case $(readlink "$f") in "${dataDir}"/namespaces/*) ;; *) echo ${reached};; esac;; esac; done; for n in 3 4 5 6 7 8 9; do (timeout 1 cat <&$n) 2>/dev/null; done`,
    withoutWall: 'untried',
  },
  {
    name: 'reads the log of the daemon',
    threat: 'reads what others said',
    script: ({ dataDir }) => `cat "${dataDir}"/*`,
    withoutWall: 'everybody',
  },
  { name: 'reads the stored keys', threat, script: ({ dataDir }) => `cat "${dataDir}"/keys/*`, withoutWall: 'everybody' },
  {
    name: 'reads the home of another session',
    threat,
    script: ({ neighbour }) => `cat "${neighbour.home}/secret"`,
    withoutWall: 'everybody',
  },
  {
    name: 'reads the workspace of another session',
    threat,
    script: ({ neighbour }) => `cat "${neighbour.workspace}/secret"`,
    withoutWall: 'everybody',
  },
  {
    name: 'guesses where other sessions are',
    threat,
    script: ({ dataDir }) => `cat "${dataDir}"/namespaces/*/sessions/*/*/secret ../*/secret ../../*/*/secret "$HOME"/../../*/*/secret`,
    withoutWall: 'everybody',
  },
  {
    name: 'reads the password hashes',
    threat: 'passwords',
    script: ({ reached }) => `grep -q . /etc/shadow && echo ${reached}`,
    withoutWall: 'root',
  },
  {
    name: 'knows the other users of the machine',
    threat: 'knows the machine',
    script: ({ reached }) =>
      `[ "$(wc -l < /etc/passwd)" -gt 1 ] && echo ${reached}; ls /home/* /root/.[a-z]* /var/lib/* /var/spool/* /boot/* 2>/dev/null | grep -q . && echo ${reached}`,
    withoutWall: 'everybody',
  },
  {
    name: 'reads private keys of the machine',
    threat: 'speaks in the name of the machine',
    script: ({ reached }) =>
      `grep -rqs 'PRIVATE KEY' /etc && echo ${reached}; ls /etc/ssl/private /etc/ssh 2>/dev/null | grep -q . && echo ${reached}`,
    withoutWall: 'untried',
  },
]
