import { findProcessGroups } from '../../../packages/daemon/src/sandbox/cgroup.ts'
import type { Attack } from '../attack.ts'

const countsRoot = findProcessGroups({ most: 1024 }) !== null

export const resources: readonly Attack[] = [
  {
    name: 'starts more processes than it may',
    threat: 'the machine cannot be used any more',
    // A shell gives up by itself when it cannot fork.
    script: ({ reached, tag }) =>
      `(i=0; while [ $i -lt 1200 ]; do sleep 60 & i=$((i + 1)); done; echo ${reached}; : ${tag}) 2>/dev/null; pkill -x sleep; true`,
    withoutWall: 'untried',
    ...(countsRoot
      ? {}
      : {
          gap: {
            reason: 'Without control groups Linux does not count the processes of root. Run the daemon as an ordinary user.',
            only: 'root',
          },
        }),
  },
  {
    name: 'fills the memory of the machine through /tmp',
    threat: 'the machine cannot be used any more',
    script: ({ reached, tag }) =>
      `head -c 1100M /dev/zero > /tmp/${tag}; [ "$(stat -c %s /tmp/${tag})" -gt 1090000000 ] && echo ${reached}; rm -f /tmp/${tag}; head -c 300M /dev/zero > /dev/shm/${tag}; [ "$(stat -c %s /dev/shm/${tag})" -gt 290000000 ] && echo ${reached}; rm -f /dev/shm/${tag}; head -c 40M /dev/zero > /run/${tag}; [ "$(stat -c %s /run/${tag})" -gt 39000000 ] && echo ${reached}; rm -f /run/${tag}`,
    withoutWall: 'untried',
  },
  {
    name: 'finds a service that starts programs later',
    threat: 'lives on when the agent is gone',
    script: ({ reached }) =>
      `for p in at batch crontab systemd-run systemctl; do command -v $p > /dev/null && (echo true | timeout 5 $p now + 1 minute || timeout 5 $p --user list-units) > /dev/null 2>&1 && echo ${reached}; done`,
    withoutWall: 'untried',
  },
]
