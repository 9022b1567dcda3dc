// What the tests need of the system, beside what npm brings. Runs on any Node, before Node 24 is known to be there.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Program -> the Debian package that brings it. */
const tools = {
  bwrap: 'bubblewrap',
  caddy: 'caddy',
  cc: 'gcc libc6-dev',
  chromium: 'chromium',
  curl: 'curl',
  'firefox-esr': 'firefox-esr',
  fish: 'fish',
  git: 'git',
  mypy: 'mypy',
  nginx: 'nginx-light',
  python3: 'python3',
  rg: 'ripgrep',
  setpriv: 'util-linux',
  strace: 'strace',
  'systemd-analyze': 'systemd',
  zsh: 'zsh',
}

const isThere = (program) => `${process.env.PATH}:/usr/sbin`.split(':').some((directory) => existsSync(`${directory}/${program}`))
const missing = process.platform === 'linux' ? Object.keys(tools).filter((program) => !isThere(program)) : []
if (missing.length > 0) {
  const packages = missing.flatMap((program) => tools[program].split(' '))
  const byHand = `The tests need ${missing.join(', ')}: apt-get install ${packages.join(' ')} (or the same from your system's packages).`
  if (process.getuid() !== 0 || !isThere('apt-get')) fail(byHand)
  console.error(`Installing ${packages.join(', ')} …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) => spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0
  if (!apt('update') || !apt('install', '--yes', '--no-install-recommends', ...packages)) fail(byHand)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
