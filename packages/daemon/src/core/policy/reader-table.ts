/**
 * How the words of a reader that are not flags are taken:
 * - `paths`: files and directories, all inside the workspace; `path`: at most one
 * - `pattern`: the first is a pattern, unless a flag gives one; the others are paths
 * - `revisions`: revisions or paths of git
 * - `text`: never opened; `words`: not even flags are; `none`: there must be none
 * - `lines`: the first is a line range of `sed -n`, such as `1,20p`; the others are paths
 * - `format`: each begins with `+`
 * - `expression`: paths, then tests of `find`, each one of the flags
 */
export type Operands = 'paths' | 'path' | 'pattern' | 'revisions' | 'text' | 'words' | 'none' | 'lines' | 'format' | 'expression'

export interface Reader {
  readonly operands: Operands
  /** `-x` alone; `-x=` with a value, attached or the next word; `-x?` with a value only if attached; `-NUM` any number. */
  readonly flags: ReadonlySet<string>
}

function reader(operands: Operands, flags = ''): Reader {
  return { operands, flags: new Set(flags.split(/\s+/).filter((flag) => flag !== '')) }
}

const diffFlags = `
  --cached --staged --stat --numstat --shortstat --summary --name-only --name-status --check --raw -p -u --patch -s --no-patch -U= --unified=
  -w -b -a -R --text --ignore-all-space --ignore-space-change --ignore-blank-lines --minimal --patience --histogram --diff-filter= --exit-code
  --quiet --color? --no-color --word-diff? --no-ext-diff --no-textconv --no-renames -M? -C? --find-renames? --abbrev? --full-index --relative? -z`
const logFlags = `
  ${diffFlags} --oneline --graph --all --branches? --tags? --remotes? --decorate? --no-decorate --merges --no-merges --first-parent --reverse
  --follow --abbrev-commit --date= --since= --until= --after= --before= --author= --committer= --grep= -i -E -F -n= -NUM --max-count= --skip=
  -S= -G= --format= --pretty? --topo-order --date-order`

/**
 * The published list: the commands that only read, with the flags that keep them so. No flag in it names a file, runs
 * a program, writes, follows symbolic links into directories or waits. Flags that take a value take one on Linux and macOS alike.
 */
export const readers: ReadonlyMap<string, Reader> = new Map([
  ['basename', reader('text')],
  ['cat', reader('paths', '-A -b -e -E -n -s -t -T -u -v --number --show-all')],
  ['cmp', reader('paths', '-s -l -b')],
  ['cut', reader('paths', '-b= -c= -d= -f= -s -z --bytes= --characters= --complement --delimiter= --fields= --only-delimited')],
  ['date', reader('format', '-u -R -I? --utc --iso-8601? --rfc-3339=')],
  ['dirname', reader('text')],
  ['du', reader('paths', '-a -b -c -h -k -m -s -x -d= --all --apparent-size --human-readable --max-depth= --summarize --total')],
  ['echo', reader('words')],
  ['false', reader('none')],
  ['file', reader('paths', '-b -i -I --brief --mime --mime-encoding --mime-type')],
  [
    'find',
    reader(
      'expression',
      `
    -name= -iname= -path= -ipath= -wholename= -regex= -iregex= -type= -maxdepth= -mindepth= -size= -mtime= -mmin= -atime= -ctime= -perm=
    -empty -print -print0 -prune -not -and -or -a -o -true -false -depth -xdev -mount -readable -executable -writable ! ( )`,
    ),
  ],
  ['git blame', reader('revisions', '-L= -e -f -l -n -p -s -t -w -M? -C? --date= --porcelain --line-porcelain --show-email')],
  ['git branch', reader('none', '-a -r -v -vv --all --list --remotes --show-current --verbose --no-color --color?')],
  ['git diff', reader('revisions', diffFlags)],
  ['git log', reader('revisions', logFlags)],
  [
    'git ls-files',
    reader('revisions', '-c -d -m -o -s -t -z --cached --deleted --exclude-standard --modified --others --stage --full-name'),
  ],
  [
    'git rev-parse',
    reader(
      'revisions',
      `
    --abbrev-ref? --short? --show-toplevel --show-prefix --git-dir --absolute-git-dir --git-common-dir --is-inside-work-tree
    --is-bare-repository --verify -q --quiet --all --branches --symbolic-full-name`,
    ),
  ],
  ['git show', reader('revisions', logFlags)],
  [
    'git status',
    reader('revisions', '-b -s -u? -v -z --branch --ignored? --long --porcelain? --short --show-stash --untracked-files? --no-renames'),
  ],
  [
    'grep',
    reader(
      'pattern',
      `
    -A= -B= -C= -E -F -G -H -I -P -T -Z -a -b -c -e= -h -i -l -L -m= -n -o -q -r -s -v -w -x -NUM --after-context= --before-context= --binary-files=
    --color? --context= --count --exclude= --exclude-dir= --extended-regexp --files-with-matches --files-without-match --fixed-strings --ignore-case
    --include= --invert-match --line-number --line-regexp --max-count= --no-filename --no-messages --null --only-matching --perl-regexp --quiet
    --recursive --regexp= --text --with-filename --word-regexp`,
    ),
  ],
  ['head', reader('paths', '-c= -n= -q -v -z -NUM --bytes= --lines= --quiet --verbose')],
  [
    'ls',
    reader(
      'paths',
      `
    -1 -A -B -C -F -G -N -Q -R -S -U -X -Z -a -b -c -d -f -g -h -i -k -l -m -n -o -p -q -r -s -t -u -v -x --all --almost-all --classify? --color?
    --directory --full-time --group-directories-first --human-readable --recursive --reverse --size --sort= --time= --time-style=`,
    ),
  ],
  ['nl', reader('paths', '-b= -n= -s= -w=')],
  ['pwd', reader('none', '-L -P')],
  ['realpath', reader('paths')],
  [
    'rg',
    reader(
      'pattern',
      `
    -. -0 -A= -B= -C= -E= -F -H -I -M= -N -P -S -T= -U -a -c -d= -e= -g= -i -j= -l -m= -n -o -p -q -r= -s -t= -u -v -w -x --after-context=
    --before-context= --case-sensitive --color= --column --context= --count --count-matches --files --files-with-matches --files-without-match
    --fixed-strings --glob= --heading --hidden --iglob= --ignore-case --invert-match --json --line-number --line-regexp --max-columns= --max-count=
    --max-depth= --max-filesize= --multiline --no-config --no-filename --no-heading --no-ignore --no-ignore-vcs --no-line-number --no-messages --null
    --one-file-system --only-matching --pcre2 --pretty --quiet --regexp= --replace= --smart-case --sort= --sortr= --stats --text --trim --type=
    --type-list --type-not= --vimgrep --with-filename --word-regexp`,
    ),
  ],
  ['sed', reader('lines', '-n --quiet --silent')],
  [
    'sort',
    reader(
      'paths',
      `
    -C -M -R -V -b -c -d -f -g -h -i -k= -m -n -r -s -t= -u -z --field-separator= --human-numeric-sort --ignore-case --key= --numeric-sort
    --reverse --stable --unique --version-sort`,
    ),
  ],
  ['stat', reader('paths', '-L -c= -t -x --format= --terse')],
  ['tail', reader('paths', '-c= -n= -q -v -z -NUM --bytes= --lines= --quiet --verbose')],
  ['tr', reader('text', '-C -c -d -s -t --complement --delete --squeeze-repeats')],
  ['tree', reader('paths', '-C -D -F -I= -J -L= -P= -X -a -d -f -h -i -n -p -r -s -t -v --dirsfirst --du --gitignore --noreport --prune')],
  ['true', reader('none')],
  ['uniq', reader('path', '-c -d -f= -i -s= -u -w= --count --ignore-case --repeated --unique')],
  ['wc', reader('paths', '-L -c -l -m -w --bytes --chars --lines --max-line-length --words')],
])
