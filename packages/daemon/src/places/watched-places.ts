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

/** `commondir` sends git elsewhere for its configuration and hooks; the list of a rebase may have commands in it. */
const storeFiles = ['config', 'config.worktree', 'info/attributes', 'commondir', 'rebase-merge/git-rebase-todo']

const isSample = (name: string) => name.endsWith('.sample')
/** Large, and nothing that git would run. */
const gitData: ReadonlySet<string> = new Set(['objects', 'refs', 'logs', 'lfs'])
const isGitConfiguration = (path: string) =>
  /\/(?:config|config\.worktree|commondir|hooks\/.+|info\/attributes|rebase-merge\/git-rebase-todo)$/.test(path)

/** What git obeys in a store; `store` is where that is, with a slash at its end where it is not the root itself. */
function inStore(store: string): readonly WatchedPlace[] {
  return [
    { path: `${store}hooks`, skips: isSample },
    ...storeFiles.map((name) => ({ path: `${store}${name}`, reduce: reduceGitConfig })),
    ...['modules', 'worktrees'].map((name) => ({
      path: `${store}${name}`,
      skips: (each: string) => gitData.has(each) || isSample(each),
      names: isGitConfiguration,
      reduce: reduceGitConfig,
    })),
  ]
}

/** What git obeys in a work tree. */
const worktreePlaces: readonly WatchedPlace[] = inStore('.git/')

/** The one list of what is looked at in a root. */
export const watchedPlaces: readonly WatchedPlace[] = [...[...directories, ...files].map((path) => ({ path })), ...worktreePlaces]

/** The same for a repository below a root. */
export const nestedPlaces: readonly WatchedPlace[] = worktreePlaces

/** The same for a directory that is a store: that it is one has to be told too, since git takes it for a repository. */
export const storePlaces: readonly WatchedPlace[] = [{ path: 'HEAD', reduce: () => 'a store' }, ...inStore('')]

/** What `git init`, a new branch and a name of the author write: none of it makes git run anything, under whatever section it stands. */
const plainLine =
  /^\s*(?:[#;].*|\[(?:core|user|branch "[^"\]\\]*")\]|(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|remote|merge|rebase|name|email)\s*=[^\\]*)?$/i

const isCommand = (line: string) => /^\s*(?:x|exec)(?:\s|$)/.test(line)

/** Lines of a git configuration that may make git run or fetch something, and commands in the list of a rebase. Other files are left whole. */
export function reduceGitConfig(path: string, text: string): string {
  // The wall's own, so that nobody else can make one.
  if (basename(path) === 'commondir' && text.trim() === '.') return ''
  if (basename(path) === 'git-rebase-todo') return text.split('\n').filter(isCommand).join('\n')
  if (!/^config(?:\.worktree)?$/.test(basename(path))) return text
  return text
    .split('\n')
    .filter((line) => !plainLine.test(line))
    .join('\n')
}
