import { basename } from 'node:path'

/** A file or directory below a workspace that programs obey. */
export interface WatchedPlace {
  /** Relative to the root, with `/`. */
  readonly path: string
  /** Names in a directory that are passed over, with all that is below. */
  readonly skips?: (name: string) => boolean
  /** Whether a file counts. Default: all do. */
  readonly names?: (path: string) => boolean
  /** What of a file's text matters; empty when nothing does. Default: all of it. */
  readonly reduce?: (path: string, text: string) => string
}

/** Of agents, editors and hook runners, which read them when the directory is opened, and of CI, which runs them on a push. */
const directories = [
  ['.codex', '.claude', '.gemini', '.opencode', '.qwen', '.cursor', '.windsurf', '.continue', '.roo', '.kiro'],
  ['.vscode', '.idea', '.zed', '.devcontainer', '.husky', '.yarn/releases', '.yarn/plugins'],
  ['.github/workflows', '.github/actions', '.circleci'],
].flat()

/** What agents, editors, shells, package managers and git obey, and what tells agents what to do. Not what somebody runs on purpose (Makefile, scripts). */
const files = [
  ['.mcp.json', 'opencode.json', 'opencode.jsonc', '.cursorrules', '.windsurfrules', '.clinerules'],
  ['AGENTS.md', 'AGENTS.override.md', 'CLAUDE.md', 'CLAUDE.local.md', 'GEMINI.md', 'QWEN.md', '.github/copilot-instructions.md'],
  ['.devcontainer.json', '.exrc', '.vimrc', '.nvimrc', '.nvim.lua', '.dir-locals.el', '.envrc', '.env', 'mise.toml', '.mise.toml'],
  ['.npmrc', '.yarnrc', '.yarnrc.yml', '.pnpmfile.cjs', '.pnp.cjs', '.pre-commit-config.yaml'],
  ['lefthook.yml', 'lefthook.yaml', '.lefthook.yml', '.lefthook.yaml', '.gitlab-ci.yml', '.gitmodules', '.gitattributes'],
].flat()

/** `commondir` sends git elsewhere for its configuration and hooks. */
const gitFiles = ['.git/config', '.git/config.worktree', '.git/info/attributes', '.git/commondir']

const isSample = (name: string) => name.endsWith('.sample')
/** Large, and nothing that git would run. */
const gitData: ReadonlySet<string> = new Set(['objects', 'refs', 'logs', 'lfs'])
const isGitConfiguration = (path: string) => /\/(?:config|config\.worktree|commondir|hooks\/.+|info\/attributes)$/.test(path)

/** The one list of what is looked at. */
export const watchedPlaces: readonly WatchedPlace[] = [
  ...directories.map((path) => ({ path })),
  ...files.map((path) => ({ path })),
  { path: '.git/hooks', skips: isSample },
  ...gitFiles.map((path) => ({ path, reduce: reduceGitConfig })),
  ...['.git/modules', '.git/worktrees'].map((path) => ({
    path,
    skips: (name: string) => gitData.has(name) || isSample(name),
    names: isGitConfiguration,
    reduce: reduceGitConfig,
  })),
]

/** What `git init`, a new branch and a name of the author write: none of it makes git run anything, under whatever section it stands. */
const plainLine =
  /^\s*(?:[#;].*|\[(?:core|user|branch "[^"\]\\]*")\]|(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|remote|merge|rebase|name|email)\s*=[^\\]*)?$/i

/** Lines of a git configuration that may make git run or fetch something. Other files are left whole. */
export function reduceGitConfig(path: string, text: string): string {
  if (!/^config(?:\.worktree)?$/.test(basename(path))) return text
  return text
    .split('\n')
    .filter((line) => !plainLine.test(line))
    .join('\n')
}
