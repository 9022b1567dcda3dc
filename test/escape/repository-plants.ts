/** What an agent leaves in a repository for the git of its user. */
export interface RepositoryPlant {
  readonly name: string
  /** A script, run in the repository. Whatever git of the user runs `"$0"`, with this path filled in, has been led by the nose. */
  readonly script: (program: string) => string
  /** Why it works all the same, and which files the receipt names then. The suite fails when it does not work any more. */
  readonly gap?: { readonly why: string; readonly told: readonly string[] }
}

const evil = (file: string, program: string) => `git config -f ${file} core.fsmonitor "${program}"`

export const repositoryPlants: readonly RepositoryPlant[] = [
  {
    name: 'a hook',
    script: (program) =>
      `for h in pre-commit post-index-change post-checkout; do cp "${program}" .git/hooks/$h; chmod 755 .git/hooks/$h; done`,
  },
  {
    name: 'a directory of hooks',
    script: (program) => `mkdir hooks; cp "${program}" hooks/pre-commit; chmod 755 hooks/pre-commit; git config core.hooksPath hooks`,
  },
  {
    name: 'a monitor of files',
    script: (program) => `${evil('.git/config', program)}; cp .git/config c; ${evil('c', program)}; mv -f c .git/config`,
  },
  {
    name: 'a configuration of the worktree',
    script: (program) => `git config extensions.worktreeConfig true; ${evil('.git/config.worktree', program)}`,
  },
  { name: 'another store', script: (program) => `cp -r .git other; ${evil('other/config', program)}; mv .git aside && mv other .git` },
  {
    name: 'a file in place of the store',
    script: (program) => `cp -r .git other; ${evil('other/config', program)}; rm -rf .git; mv .git aside; echo 'gitdir: other' > .git`,
  },
  {
    name: 'a filter of files',
    script: (program) =>
      `echo '* filter=x' > .gitattributes; git config filter.x.clean "${program}"; git config filter.x.smudge "${program}"; echo '* filter=x' > .git/info/attributes`,
  },
  {
    name: 'a link in place of the hooks',
    script: (program) => `mkdir hooks; cp "${program}" hooks/pre-commit; rm -rf .git/hooks; ln -s ../hooks .git/hooks`,
  },
  {
    name: 'an environment for git',
    script: (program) => `printf '[core]\\nfsmonitor = ${program}\\n' > .gitconfig; cp .gitconfig "$HOME/.gitconfig"`,
  },
  {
    name: 'another common directory',
    script: (program) =>
      `cp -r .git other; ${evil('other/config', program)}; echo ../other > c; cp c .git/commondir; rm -f .git/commondir; mv -f c .git/commondir; echo ../other > .git/commondir`,
  },
  {
    name: 'a broken store, and another in the directory itself',
    script: (program) =>
      `cp -r .git/objects .git/refs .git/HEAD .git/index .git/config .; git config -f config core.bare false; git config -f config core.worktree .; ${evil('config', program)}; rm .git/HEAD`,
    gap: {
      why: 'Without a HEAD `.git` is no store to git, which then takes the directory itself for one. Git must be able to replace HEAD.',
      told: ['HEAD', 'config'],
    },
  },
  {
    name: 'a repository in the repository',
    script: (program) =>
      `git init -q sub && cd sub && echo x > f && git add f && git -c user.name=a -c user.email=a@b commit -qm x; ${evil('.git/config', program)}; cd ..; git update-index --add --cacheinfo "160000,$(git -C sub rev-parse HEAD),sub"`,
    gap: {
      why: 'Git asks a repository inside whether it has changed, by its own configuration, and agents may make repositories.',
      told: ['sub/.git/config'],
    },
  },
]
