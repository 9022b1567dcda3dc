/** Whether a value of a key makes git run a program. */
type Danger = (value: string) => boolean

const always: Danger = () => true
const unlessFalse: Danger = (value) => !/^(?:false|no|off|0*|)$/i.test(value)
/** A pager may be switched off, or be one that only copies. */
const unlessPlainPager: Danger = (value) => !/^(?:true|yes|on|false|no|off|[01]|cat|)$/i.test(value)
const ifSignature: Danger = (value) => value.includes('%G')

/**
 * Configuration through which `status`, `diff`, `log`, `show`, `blame`, `branch`, `ls-files` and `rev-parse` start
 * programs, fetch (and so run transports and credential helpers), or write traces. Sections and names are in lower case.
 */
const dangers: readonly (readonly [key: RegExp, danger: Danger])[] = [
  [/^core\.(?:fsmonitor|usebuiltinfsmonitor)$/, unlessFalse],
  [/^core\.pager$|^pager\./, unlessPlainPager],
  [/^core\.alternaterefscommand$/, always],
  [/^diff\.external$|^diff\..*\.(?:command|textconv)$/, always],
  [/^filter\..*\.(?:clean|smudge|process)$/, always],
  [/^merge\..*\.driver$/, always],
  [/^hook\./, always],
  [/^log\.showsignature$/, unlessFalse],
  [/^format\.pretty$|^pretty\./, ifSignature],
  [/^extensions\.partialclone$|^remote\..*\.partialclonefilter$/, always],
  [/^remote\..*\.promisor$/, unlessFalse],
  [/^trace2\..*target$/, unlessFalse],
]

/** The first key in the output of `git config --list -z` that lets a reading command run a program; null when there is none. */
export function findProgramKey(listing: string): string | null {
  for (const entry of listing.split('\0')) {
    const at = entry.indexOf('\n')
    const key = at < 0 ? entry : entry.slice(0, at)
    const value = at < 0 ? 'true' : entry.slice(at + 1)
    if (dangers.some(([pattern, danger]) => pattern.test(key) && danger(value))) return key
  }
  return null
}
