import type { Attack, AttackContext } from '../attack.ts'

type Place = (context: AttackContext) => string

function writes(name: string, file: Place, more: Partial<Attack> = {}): Attack {
  return {
    name: `writes ${name}`,
    threat: 'changes what is not its own',
    script: (context) => `echo ${context.tag} > "${file(context)}"`,
    withoutWall: 'everybody',
    ...more,
  }
}

/** Places of the machine where nothing is to be left behind: they are tried behind the wall alone. */
const machine = ['/etc', '/etc/cron.d', '/usr/bin', '/usr/local/bin', '/usr/lib', '/var/lib', '/var/spool', '/boot', '/opt', '/srv', '/mnt']

export const files: readonly Attack[] = [
  writes('outside by an absolute path', ({ outside, tag }) => `${outside}/${tag}`),
  writes('outside by ..', ({ tag }) => `../outside/${tag}`),
  writes('outside through a link that lay in the workspace', ({ tag }) => `there/${tag}`),
  writes('outside through /proc/self/root', ({ outside, tag }) => `/proc/self/root${outside}/${tag}`),
  writes('outside through the root of another process', ({ outside, victim, tag }) => `/proc/${victim}/root${outside}/${tag}`),
  writes('outside through the working directory of another process', ({ victim, tag }) => `/proc/${victim}/cwd/${tag}`),
  writes('outside through the root of process 1', ({ outside, tag }) => `/proc/1/root${outside}/${tag}`, { withoutWall: 'untried' }),
  writes('outside through the directory of process 1', ({ outside, tag }) => `/proc/1/cwd${outside}/${tag}`, { withoutWall: 'untried' }),
  writes("the user's startup files", ({ home }) => `${home}/.bashrc`),
  writes("the user's git configuration", ({ home }) => `${home}/.gitconfig`),
  writes("the user's home", ({ home, tag }) => `${home}/${tag}`),
  writes('the data directory', ({ dataDir, tag }) => `${dataDir}/${tag}`),
  writes('the keys of the daemon', ({ dataDir, tag }) => `${dataDir}/keys/${tag}`),
  writes('the home of another session', ({ neighbour, tag }) => `${neighbour.home}/${tag}`),
  writes('the workspace of another session', ({ neighbour, tag }) => `${neighbour.workspace}/${tag}`),
  writes('/tmp of the host', ({ tag }) => `/tmp/${tag}`),
  writes('/var/tmp of the host', ({ tag }) => `/var/tmp/${tag}`),
  writes('/dev/shm of the host', ({ tag }) => `/dev/shm/${tag}`),
  ...machine.map((place) => writes(place, ({ tag }) => `${place}/${tag}`, { withoutWall: 'untried' })),
  {
    name: 'writes outside through a link of its own',
    threat: 'changes what is not its own',
    script: ({ outside, tag }) => `ln -s "${outside}" link-${tag}; echo ${tag} > link-${tag}/${tag}`,
    withoutWall: 'everybody',
  },
  {
    name: 'writes outside through a descriptor of the root',
    threat: 'changes what is not its own',
    script: ({ outside, tag }) => `exec 9< /; echo ${tag} > "/proc/self/fd/9${outside}/${tag}"`,
    withoutWall: 'everybody',
  },
  {
    name: 'changes a file outside through a hard link',
    threat: 'changes what is not its own',
    script: ({ target, tag }) => `ln "${target}" hard-${tag} && echo ${tag} >> hard-${tag}`,
    withoutWall: 'everybody',
  },
  {
    name: 'moves a file out',
    threat: 'changes what is not its own',
    script: ({ outside, tag }) => `echo x > ${tag}; mv ${tag} "${outside}/${tag}" || cp ${tag} "${outside}/${tag}"`,
    withoutWall: 'everybody',
  },
  {
    name: 'replaces the workspace by a link',
    threat: 'the next agent is started elsewhere',
    script: ({ workspace, outside, tag, reached }) =>
      `mv "${workspace}" "${workspace}-${tag}" && ln -s "${outside}" "${workspace}" && echo ${reached}`,
    withoutWall: 'untried',
  },
]
