/**
 * Shapes of secrets. Every pattern is linear: it begins with literal text, its repeats are bounded, and no two parts of it
 * compete for the same characters. No name may contain a word of `keyWords`: marks would be taken for secrets themselves.
 */
export interface SecretRule {
  readonly name: string
  readonly pattern: RegExp
  /** Where the shape alone says too little: whether what has it is a secret. */
  readonly accepts?: (text: string) => boolean
}

const alnum = '[A-Za-z0-9]'
const dashed = '[A-Za-z0-9_-]'
/** Not in the middle of a longer word; an escape in front is no part of the word. */
const toStart = (word: string) => String.raw`(?:(?<!${word})|(?<=\\[nrt]|%[0-9A-Fa-f]{2}))`

/** Where a shape may have dashes in it, none may stand before it: it cannot begin where another goes on, or the search would not be linear. */
function prefixed(name: string, ...shapes: readonly string[]): SecretRule {
  const start = toStart(shapes.some((shape) => shape.includes(dashed)) ? dashed : alnum)
  return { name, pattern: new RegExp(`${start}(?:${shapes.join('|')})`, 'g') }
}

/** A line break, as it is or as JSON and URLs write it. */
const newline = String.raw`(?:[\r\n\t ]|\\{1,8}[nrt]|%0[ADad]|%20|\+(?=-))`
const pemBody = String.raw`(?:[A-Za-z0-9+/=]|${newline}|%2[BFbf]|%3[Dd])`
const pemHeader = String.raw`(?:${newline}{1,8}(?:Proc-Type|DEK-Info|Version|Comment|Hash)(?:[^\r\n\\%]|%(?!0[ADad])){0,160}){0,5}`
const pemLabel = '(?:[A-Z0-9]|%20|\\+| ){0,40}PRIVATE(?:%20|\\+| )KEY(?:(?:%20|\\+| )BLOCK)?'
const pem = `-----BEGIN ?${pemLabel}-----${pemHeader}${pemBody}{1,20000}(?:-----END ?${pemLabel}-----)?`

/** Layer 2: what is recognised by how it begins. */
export const prefixRules: readonly SecretRule[] = [
  { name: 'pem', pattern: new RegExp(pem, 'g') },
  prefixed('anthropic', `sk-ant-[a-z0-9]{2,12}-${dashed}{16,400}`),
  prefixed('openrouter', `sk-or-${dashed}{16,200}`),
  prefixed('openai', `sk-(?:proj|svcacct|admin|None|lf)-${dashed}{12,400}`, `sk-${alnum}{20,200}`),
  prefixed(
    'google',
    `AIza${dashed}{35}`,
    `ya29\\.[A-Za-z0-9_.-]{20,2000}`,
    `GOCSPX-${dashed}{20,60}`,
    `1(?://|\\\\{0,7}/\\\\{0,7}/|%2[Ff]%2[Ff])0${dashed}{20,400}`,
  ),
  prefixed('aws', '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])'),
  prefixed('stripe', `(?:sk|rk)_(?:live|test)_${alnum}{16,250}`, `whsec_[A-Za-z0-9+/=]{20,200}`),
  prefixed('github', `gh[pousr]_${alnum}{30,255}`, `github_pat_[A-Za-z0-9_]{30,255}`),
  prefixed('gitlab', `gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat)-${dashed}{20,300}`),
  prefixed('slack', `xox[abceoprs]-${dashed}{10,300}`, `xapp-${dashed}{10,300}`),
  prefixed(
    'registry',
    `npm_${alnum}{36}`,
    `pypi-${dashed}{40,400}`,
    `rubygems_[a-f0-9]{48}`,
    `dckr_(?:pat|oat)_${dashed}{20,100}`,
    `cio${alnum}{32}(?![A-Za-z0-9])`,
  ),
  prefixed(
    'model_host',
    `xai-${alnum}{20,200}`,
    `hf_${alnum}{20,100}`,
    `gsk_${alnum}{20,100}`,
    `r8_${alnum}{30,60}`,
    `pplx-${alnum}{30,100}`,
    `nvapi-${dashed}{30,100}`,
    `fw_${alnum}{20,60}`,
    `csk-${alnum}{40,60}`,
    `tgp_v1_${dashed}{30,80}`,
    `esecret_${alnum}{20,60}`,
  ),
  prefixed(
    'cloud',
    `dop_v1_[a-f0-9]{64}`,
    `hvs\\.${dashed}{20,300}`,
    `tskey-${dashed}{16,100}`,
    `shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`,
    `ATATT3${dashed}{20,400}`,
    `SG\\.${dashed}{16,32}\\.${dashed}{16,64}`,
    `lin_api_${alnum}{30,60}`,
    `AGE-SECRET-KEY-1[A-Z0-9]{58}`,
    `sntry[su]_[A-Za-z0-9_=+/-]{30,300}`,
    `gl(?:sa|c)_[A-Za-z0-9_+/=]{32,200}`,
    `pscale_(?:tkn|oauth|pw)_${dashed}{30,80}`,
    `sbp_[a-f0-9]{40}`,
    `sb_secret_${dashed}{20,80}`,
    `fm[12]_[A-Za-z0-9+/=_]{60,1000}`,
    `HRKU-${dashed}{36,100}`,
    `${alnum}{14}\\.atlasv1\\.${dashed}{40,100}`,
    `dp\\.(?:pt|st|ct|sa|scim|audit)\\.${dashed}{40,80}`,
  ),
  prefixed(
    'service',
    `NRAK-[A-Z0-9]{27}(?![A-Za-z0-9])`,
    `fig[dou]_${dashed}{30,100}`,
    `sq0(?:atp|csp|idp)-${dashed}{20,60}`,
    `EAACEdEose0cBA${alnum}{20,300}`,
    `key-[a-f0-9]{32}(?![A-Za-z0-9])`,
    `cio${alnum}{32}(?![A-Za-z0-9])`,
    `[0-9]{8,10}(?::|%3[Aa])AA${dashed}{32,36}`,
    `ntn_${alnum}{40,60}`,
    `secret_${alnum}{43}`,
    `PMAK-[a-f0-9]{24}-[a-f0-9]{34}`,
    `CCIPAT_${alnum}{20,30}_[a-f0-9]{40}`,
    `pat${alnum}{14}\\.[a-f0-9]{64}`,
  ),
  // Of the daemon itself: what `POST /tokens` gives out.
  prefixed('daemon', `codesdkd_[0-9a-f]{32}_${dashed}{43}`),
  prefixed('jwt', `eyJ${dashed}{8,4000}\\.eyJ${dashed}{8,8000}(?:\\.${dashed}{8,4000})?`),
]

/** Names whose values are secrets, at the end of a name. A number of tokens is no token. */
export const keyWords =
  'token|secret|passwd|password|passphrase|pwd|api[_-]?key|authorization|cookie|refresh|credentials?|(?:private|secret|access|account|auth|encryption|signing|master|storage)[_-]?key|connection[_-]?string'
export const secretName = new RegExp(`(?:${keyWords})(?:[_-]?(?:base64|b64|value|hash|\\d{1,3}))?$`, 'i')

const quote = String.raw`(?:\\{0,8}["'\x60]|%22|%27)`
const blank = String.raw`(?:[ \t]|%20|\+){0,4}`
const assign = `${blank}(?::=|=>|[:=]|%3[AaDd])${blank}`
const scheme = String.raw`(?:(?:Bearer|Basic|Token|Digest)(?: |%20|\+){1,4})?`

/**
 * Layer 3: `KEY=value`, `"key": "value"`, `\"key\":\"value\"`. Groups: the name, then exactly one of what stands in plain quotes,
 * in escaped quotes, and without.
 */
export const assignment = new RegExp(
  `(?<name>${keyWords})(?:[_-]?(?:base64|b64|value|hash|\\d{1,3}))?${quote}?(?:\\]|%5[Dd])?(?<assign>${assign})(?:` +
    String.raw`"${scheme}(?<double>(?:[^"\\\r\n]|\\.){1,4096})"|'${scheme}(?<single>(?:[^'\\\r\n]|\\.){1,4096})'|` +
    String.raw`(?<open>\\{1,8}["']|%22|%27)${scheme}(?<escaped>(?:(?!(?<!\\|%5[Cc])\k<open>)[^\r\n]){1,4096})\k<open>|` +
    String.raw`${scheme}(?<bare>[^\s"'\x60\\,;&<>(){}\[\]|$]{4,4096}))`,
  'gi',
)

/** A part of a private key in a JWK; a digest in hex is none. */
const jwkNumber = '(?![0-9a-f]{40,128}(?![A-Za-z0-9_-]))[A-Za-z0-9_-]{40,2000}'
const gap = String.raw`(?: |%20|\+)`
const flagOpen = String.raw`(?:${gap}{1,4}${quote}?|${quote}(?:,|%2[Cc])${gap}?${quote})`
/** What follows has a digit: `--token file` and `-u nobody:nogroup` are no secrets, and a number alone is an id. */
const withDigit = String.raw`(?=[^\s"'\x60\\%]{0,200}\d)(?!\d{1,20}(?![^\s"'\x60\\%]))`
const argument = String.raw`${withDigit}[^\s"'\x60\\,;&<>(){}\[\]|$%=-](?:[^\s"'\x60\\,;&<>(){}\[\]|$%]|%(?!2[0267]|0[ADad])[0-9A-Fa-f]{2}){5,400}`

/** No word, and no number. */
const isMixed = (text: string) => /[0-9]/.test(text) && /[A-Za-z]/.test(text)

/** `Authorization: Bearer …` without its name, `user:password@` in URLs, arguments of commands, signatures, private JWKs. */
export const credentialRules: readonly SecretRule[] = [
  { name: 'bearer', pattern: /(?<=\b(?:Bearer|bearer|BEARER)(?: |%20|\+){1,4})[A-Za-z0-9._~+/=-]{16,4096}/g },
  { name: 'basic', pattern: /(?<=\b[Bb]asic(?: |%20|\+){1,4})[A-Za-z0-9+/=]{16,4096}/g },
  { name: 'url_userinfo', pattern: /(?<=:(?:\\{0,7}\/){2}[^\s:@/"'<>\\[\]]{0,100}:)[^\s@/"'<>\\[\]]{2,200}(?=@)/g },
  {
    name: 'url_userinfo',
    pattern: /(?<=%3[Aa](?:%2[Ff]){2}[A-Za-z0-9._~-]{0,100}%3[Aa])(?:[A-Za-z0-9._~+!*-]|%(?!40|2[Ff])[0-9A-Fa-f]{2}){2,200}(?=%40)/g,
  },
  { name: 'argument', pattern: new RegExp(`(?<=--[A-Za-z0-9-]{0,40}(?:${keyWords})${flagOpen})${argument}`, 'gi') },
  {
    name: 'argument',
    pattern: new RegExp(
      String.raw`(?<=(?:${gap}|^)(?:-u|--user|--proxy-user)(?:${flagOpen}|=|%3[Dd])[A-Za-z0-9._@-]{1,60}(?::|%3[Aa]))${argument}`,
      'gm',
    ),
  },
  {
    name: 'signature',
    pattern:
      /(?<=(?:[?&]|\\u0026|%3[Ff]|%26)(?:sig|[Ss]ignature|X-(?:Amz|Goog)-Signature)(?:=|%3[Dd]))(?:[A-Za-z0-9+/=_-]|%(?!26)[0-9A-Fa-f]{2}){20,1024}/g,
  },
  {
    name: 'jwk',
    pattern: new RegExp(`(?<=${quote}(?:d|p|q|dp|dq|qi)${quote}${gap}{0,2}(?::|%3[Aa])${gap}{0,2}${quote})${jwkNumber}`, 'g'),
  },
  { name: 'netrc', pattern: new RegExp(`(?<=login${gap}{1,4}[^\\s%+]{1,100}${gap}{1,4}password${gap}{1,4})[^\\s"'\\\\%+[]{4,200}`, 'g') },
  {
    name: 'basic',
    pattern: new RegExp(
      `(?<=(?:${quote}|_)auth${quote}?${gap}?(?:[:=]|%3[AaDd])${gap}?${quote}?)(?:[A-Za-z0-9/]|\\+|%2[BbFf]){16,400}(?:=|%3[Dd]){0,2}`,
      'g',
    ),
    accepts: isMixed,
  },
]

/** Whether a field of a JSON object is a part of a private JWK. */
export function isJwkSecret(name: string, value: string): boolean {
  return /^(?:d|p|q|dp|dq|qi)$/.test(name) && wholeJwkNumber.test(value)
}

const wholeJwkNumber = new RegExp(`^${jwkNumber}$`)

const placeholder =
  /^(?:true|false|null|none|nil|undefined|unset|empty|string|number|boolean|object|unknown|any|required|optional|redacted|x{3,}|\*+|\.{3,}|%s|\{\{.*|\$.*|<.*|your[-_ ].*|change[-_ ]?me|process\.env.*|import\.meta.*|os\.environ.*)$/i
const version = /^[\^~><=v ]*\d+(?:\.(?:\d+|x|\*)){1,3}(?:[-+][\w.]+)?$/

/** Whether what is assigned to a secret's name may be a secret: numbers of tokens, versions, types and calls are none. */
export function isSecretValue(name: string, value: string, how: 'quoted' | 'assigned' | 'bare'): boolean {
  if (placeholder.test(value) || version.test(value)) return false
  if (/^(?:token|refresh|cookie|authorization)/i.test(name) && (/^-?[\d.]+$/.test(value) || value.length < 8)) return false
  // In `password: string` and `token = this.next` a type or a variable stands, not a value.
  return how !== 'bare' || (value.length >= 6 && !/^[A-Za-z_$][A-Za-z_$]*(?:[.?!:]+[A-Za-z_$]+)*$/.test(value))
}
