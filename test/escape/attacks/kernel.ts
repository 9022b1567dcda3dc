import type { Attack } from '../attack.ts'

/** Numbers of system calls that differ between processors; the rest is the same since Linux 5.1. */
const numbers = {
  x64: { ptrace: 101, keyctl: 250, open_by_handle_at: 304, perf: 298, bpf: 321 },
  arm64: { ptrace: 117, keyctl: 219, open_by_handle_at: 265, perf: 241, bpf: 280 },
}
const call = process.arch === 'arm64' ? numbers.arm64 : numbers.x64

interface Trial {
  readonly threat: string
  readonly withoutWall: Attack['withoutWall']
}

/** Succeeds when the command does. */
function does(name: string, command: string, { threat, withoutWall }: Trial): Attack {
  return { name, threat, script: ({ reached }) => `${command} && echo ${reached}`, withoutWall }
}

/** Opens without writing: what belongs to the machine stays as it is where this works. */
function opens(name: string, file: string, how: '<' | '>>', trial: Trial): Attack {
  return does(`opens ${name}`, `(exec 9${how} ${file}) 2>/dev/null`, trial)
}

/** A call that complains about its arguments is there as well. */
function calls(name: string, expression: string, { threat, withoutWall }: Trial): Attack {
  const perl = `$r = ${expression}; exit($r >= 0 || $!{EFAULT} || $!{EINVAL} ? 0 : 1)`
  return { name, threat, script: ({ reached }) => `need perl\nperl -MErrno -e '${perl}' && echo ${reached}`, withoutWall }
}

const root = 'everything, where the daemon runs as root'
const others = 'reads and changes other programs of the user'

export const kernel: readonly Attack[] = [
  does('makes a user namespace', 'unshare --user true', { threat: 'every bug of the kernel that needs one', withoutWall: 'everybody' }),
  {
    name: 'mounts what is outside in a namespace of its own',
    threat: 'changes what is not its own',
    script: ({ outside, tag }) =>
      `need unshare\nmkdir m-${tag}; unshare --user --map-root-user --mount sh -c 'mount --bind "${outside}" m-${tag} && echo ${tag} > m-${tag}/${tag}'`,
    withoutWall: 'everybody',
  },
  {
    name: 'mounts what is outside',
    threat: 'changes what is not its own',
    script: ({ outside, tag, reached }) =>
      `need mount\nmkdir n-${tag}; mount --bind "${outside}" n-${tag} && echo ${tag} > n-${tag}/${tag}; mount -o remount,rw / && echo ${reached}; mount -o remount,rw,bind /usr && echo ${reached}; mount -t proc proc n-${tag} && echo ${reached}`,
    withoutWall: 'untried',
  },
  {
    name: 'takes away what is mounted over secrets',
    threat: 'reads keys',
    script: ({ reached }) =>
      'need umount\n' + ['/run', '/proc/sys', '/run/codesdkd', '/tmp'].map((place) => `umount -l ${place} && echo ${reached}`).join('\n'),
    withoutWall: 'untried',
  },
  {
    name: 'enters the namespaces of a process of the user',
    threat: others,
    script: ({ victim, reached }) =>
      `need nsenter\nnsenter --target ${victim} --mount true && echo ${reached}; nsenter --target ${victim} --net true && echo ${reached}`,
    withoutWall: 'root',
  },
  {
    name: 'changes its root',
    threat: 'leaves what was mounted for it',
    script: ({ outside, reached }) => `need perl\nperl -e 'exit(chroot("${outside}") || chroot("/tmp") ? 0 : 1)' && echo ${reached}`,
    withoutWall: 'root',
  },
  {
    name: 'traces a process of the user',
    threat: others,
    script: ({ victim, reached }) =>
      `need perl\nperl -e 'exit(syscall(${call.ptrace}, 16, ${victim}, 0, 0) == 0 ? 0 : 1)' && echo ${reached}`,
    withoutWall: 'everybody',
  },
  {
    name: 'opens the memory of a process of the user',
    threat: others,
    script: ({ victim, daemon, reached }) =>
      `(exec 9< /proc/${victim}/mem) && echo ${reached}; (exec 9< /proc/${daemon}/mem) && echo ${reached}`,
    withoutWall: 'everybody',
  },
  {
    name: 'gets a handle of a process of the user',
    threat: others,
    script: ({ victim, reached }) => `need perl\nperl -e 'exit(syscall(434, ${victim}, 0) >= 0 ? 0 : 1)' && echo ${reached}`,
    withoutWall: 'everybody',
  },
  {
    name: 'signals a process of the user',
    threat: 'stops other programs',
    script: ({ victim, daemon, reached }) => `kill -0 ${victim} && echo ${reached}; kill -0 ${daemon} && echo ${reached}`,
    withoutWall: 'everybody',
  },
  {
    name: 'opens a file by its number on the disk',
    threat: root,
    script: ({ reached }) =>
      `need perl\nperl -e 'open(my $d, "<", "."); my $h = pack("IiII", 8, 1, 2, 0); exit(syscall(${call.open_by_handle_at}, fileno($d), $h, 0) >= 0 ? 0 : 1)' && echo ${reached}`,
    withoutWall: 'root',
  },
  does('makes a device', 'mknod device-$$ c 1 3', { threat: root, withoutWall: 'root' }),
  opens('the trigger of the kernel', '/proc/sysrq-trigger', '>>', { threat: root, withoutWall: 'untried' }),
  opens('the program that handles crashes', '/proc/sys/kernel/core_pattern', '>>', { threat: root, withoutWall: 'root' }),
  opens('the program that loads modules', '/proc/sys/kernel/modprobe', '>>', { threat: root, withoutWall: 'untried' }),
  opens('the log of the kernel', '/dev/kmsg', '<', { threat: 'reads addresses of the kernel', withoutWall: 'root' }),
  {
    name: 'opens a device of the machine',
    threat: root,
    script: ({ reached }) =>
      `for d in /dev/mem /dev/kmem /dev/port /dev/vsock /dev/fuse /dev/kvm /dev/net/tun /dev/uinput /dev/loop* /dev/vd* /dev/sd* /dev/nvme* /dev/mapper/*; do [ -e "$d" ] && (exec 9< "$d") 2>/dev/null && echo ${reached}; done`,
    withoutWall: 'untried',
  },
  {
    name: 'opens something of the machine in /proc or /sys for writing',
    threat: root,
    script: ({ reached }) =>
      `find /proc /sys -maxdepth 5 -path '/proc/[0-9]*' -prune -o -path '/proc/*self' -prune -o -type f -print 2>/dev/null | while read -r f; do (: >> "$f") 2>/dev/null && echo ${reached} && echo "$f"; done`,
    withoutWall: 'untried',
  },
  does('looks at the devices of the machine', 'ls /sys/class', { threat: 'knows the machine', withoutWall: 'everybody' }),
  calls('uses the keyrings of the user', `syscall(${call.keyctl}, 0, -3, 0, 0, 0)`, {
    threat: 'reads keys that the kernel keeps',
    withoutWall: 'everybody',
  }),
  calls('loads a program into the kernel', `syscall(${call.bpf}, 0, 0, 0)`, {
    threat: 'every bug of the kernel in it',
    withoutWall: 'untried',
  }),
  calls('measures the machine', `syscall(${call.perf}, 0, 0, -1, -1, 0)`, {
    threat: 'every bug of the kernel in it',
    withoutWall: 'untried',
  }),
  calls('sets up a ring of the kernel', 'syscall(425, 1, 0)', { threat: 'goes round filters of system calls', withoutWall: 'untried' }),
  calls('makes a socket to the host of a virtual machine', 'socket(my $s, 40, 1, 0) ? 0 : -1', {
    threat: 'talks to what no network namespace holds back',
    withoutWall: 'untried',
  }),
]
