import { createHash } from 'node:crypto'

/** Text with one made-up secret in it. Built when it is asked for, since a repository with literal secrets cannot be pushed. */
export interface SecretSample {
  readonly about: string
  readonly text: string
  /** What must not be seen. */
  readonly secret: string
}

const alphabets = {
  word: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567',
  hex: '0123456789abcdef',
}

interface Letters {
  word(name: string, length: number): string
  hex(name: string, length: number): string
  upper(name: string, length: number): string
}

/** The same characters for the same seed and name. */
function createLetters(seed: string): Letters {
  const from = (alphabet: keyof typeof alphabets) => (name: string, length: number) => {
    const letters = alphabets[alphabet]
    let text = ''
    for (let block = 0; text.length < length; block++) {
      for (const byte of createHash('sha256').update(`${seed}${name} ${block}`).digest()) text += letters[byte % letters.length]
    }
    return text.slice(0, length)
  }
  return { word: from('word'), hex: from('hex'), upper: from('upper') }
}

/** Secrets that are known by their shape. */
function shapes({ word, hex, upper }: Letters): readonly (readonly [about: string, secret: string])[] {
  return [
    ['Anthropic API key', `sk-ant-api03-${word('anthropic', 93)}AA`],
    ['Anthropic OAuth access', `sk-ant-oat01-${word('oat', 80)}`],
    ['Anthropic OAuth refresh', `sk-ant-ort01-${word('ort', 80)}`],
    ['OpenAI legacy', `sk-${word('openai', 20)}T3Blbk${word('openai2', 22)}`],
    ['OpenAI project', `sk-proj-${word('proj', 120)}`],
    ['OpenAI project, short', `sk-proj-${word('short', 24)}`],
    ['OpenAI service account', `sk-svcacct-${word('svc', 60)}`],
    ['OpenRouter', `sk-or-v1-${hex('or', 64)}`],
    ['xAI', `xai-${word('xai', 80)}`],
    ['Google API key', `AIza${word('google', 35)}`],
    ['Google refresh token', `1//0${word('refresh', 60)}`],
    ['Google access token', `ya29.${word('access', 80)}`],
    ['Google client', `GOCSPX-${word('gocspx', 28)}`],
    ['AWS key id', `AKIA${upper('aws', 16)}`],
    ['AWS session key id', `ASIA${upper('asia', 16)}`],
    ['Stripe live', `sk_live_${word('stripe', 32)}`],
    ['Stripe restricted', `rk_live_${word('restricted', 40)}`],
    ['Stripe webhook', `whsec_${word('whsec', 32)}`],
    ['GitHub classic', `ghp_${word('ghp', 36)}`],
    ['GitHub app', `ghs_${word('ghs', 36)}`],
    ['GitHub fine-grained', `github_pat_${word('pat', 22)}_${word('pat2', 59)}`],
    ['GitLab', `glpat-${word('glpat', 20)}`],
    ['Slack bot', `xoxb-${'1'.repeat(12)}-${'2'.repeat(12)}-${word('slack', 24)}`],
    ['Slack app', `xapp-1-${upper('xapp', 11)}-${'3'.repeat(13)}-${hex('xapp2', 64)}`],
    ['npm', `npm_${word('npm', 36)}`],
    ['PyPI', `pypi-${word('pypi', 120)}`],
    ['Docker Hub', `dckr_pat_${word('docker', 27)}`],
    ['Hugging Face', `hf_${word('hf', 34)}`],
    ['Groq', `gsk_${word('groq', 52)}`],
    ['Replicate', `r8_${word('r8', 37)}`],
    ['DigitalOcean', `dop_v1_${hex('dop', 64)}`],
    ['Vault', `hvs.${word('vault', 90)}`],
    ['Shopify', `shpat_${hex('shopify', 32)}`],
    ['Atlassian', `ATATT3${word('atlassian', 180)}`],
    ['SendGrid', `SG.${word('sg', 22)}.${word('sg2', 43)}`],
    ['JWT', `eyJ${word('jwt', 33)}.eyJ${word('jwt2', 80)}.${word('jwt3', 43)}`],
    ['age', `AGE-SECRET-KEY-1${upper('age', 58)}`],
    ['New Relic', `NRAK-${upper('newrelic', 27)}`],
    ['Figma', `figd_${word('figma', 40)}`],
    ['Square', `sq0atp-${word('square', 22)}`],
    ['Facebook', `EAACEdEose0cBA${word('facebook', 60)}`],
    ['Mailgun', `key-${hex('mailgun', 32)}`],
    ['crates.io', `cio${word('crates', 32)}`],
    ['Telegram', `123456789:AA${word('telegram', 33)}`],
    ['Notion', `ntn_${word('notion', 46)}`],
    ['PlanetScale', `pscale_tkn_${word('planetscale', 43)}`],
    ['Supabase', `sbp_${hex('supabase', 40)}`],
    ['Cerebras', `csk-${word('cerebras', 48)}`],
    ['Perplexity', `pplx-${word('perplexity', 48)}`],
    ['Together', `tgp_v1_${word('together', 43)}`],
    ['Postman', `PMAK-${hex('postman', 24)}-${hex('postman2', 34)}`],
    ['CircleCI', `CCIPAT_${word('circle', 22)}_${hex('circle2', 40)}`],
    ['Doppler', `dp.pt.${word('doppler', 43)}`],
    ['Fly', `fm2_${word('fly', 100)}`],
    ['Heroku', `HRKU-${word('heroku', 60)}`],
    ['Grafana', `glc_${word('grafana', 60)}`],
    ['Airtable', `pat${word('airtable', 14)}.${hex('airtable2', 64)}`],
    ['Sentry', `sntrys_${word('sentry', 60)}`],
    ['Linear', `lin_api_${word('linear', 40)}`],
    ['Tailscale', `tskey-auth-${word('tailscale', 40)}`],
    ['a token of this daemon', `codesdkd_${hex('own', 32)}_${word('own2', 43)}`],
    ['Terraform', `${word('terraform', 14)}.atlasv1.${word('terraform2', 67)}`],
  ]
}

function pem(label: string, line: (index: number) => string): string {
  return [`-----BEGIN ${label}-----`, ...Array.from({ length: 6 }, (_, index) => line(index)), `-----END ${label}-----`].join('\n')
}

/** Secrets that are known by what stands before them. */
function named({ word }: Letters): readonly SecretSample[] {
  const plain = word('plain', 24)
  const passphrase = 'correct horse battery staple'
  const quoted = 'va"lue-beforehand-\\-afterwards'
  const key = pem('RSA PRIVATE KEY', (index) => word(`pem ${index}`, 64))
  const cases: readonly (readonly [about: string, text: (secret: string) => string, secret: string])[] = [
    ['env assignment', (secret) => `DB_PASSWORD=${secret}`, plain],
    ['env assignment of letters', (secret) => `export DB_PASSWORD=${secret} && run`, 'onlylettershere'],
    ['env assignment of digits', (secret) => `ADMIN_PWD=${secret}`, '8675309142'],
    ['quoted assignment', (secret) => `client_secret = "${secret}"`, plain],
    ['quoted passphrase', (secret) => `passphrase: '${secret}'`, passphrase],
    ['YAML', (secret) => `api_key: ${secret}\nother: 1`, plain],
    ['JSON', (secret) => JSON.stringify({ access_token: secret, expires_in: 3600 }), plain],
    ['JSON with spaces', (secret) => JSON.stringify({ refreshToken: secret }, null, 2), plain],
    ['JSON with escapes', (secret) => JSON.stringify({ password: secret }), quoted],
    ['JSON API key', (secret) => JSON.stringify({ 'X-Api-Key': secret }), plain],
    ['bearer header', (secret) => `Authorization: Bearer ${secret}`, word('bearer', 40)],
    ['bearer alone', (secret) => `-H 'Bearer ${secret}'`, word('bearer', 40)],
    ['basic header', (secret) => `authorization: Basic ${secret}`, Buffer.from(`user:${plain}`).toString('base64')],
    ['cookie', (secret) => `Cookie: session=${secret}`, word('cookie', 32)],
    ['URL password', (secret) => `https://bob:${secret}@git.example.com/x.git`, plain],
    ['postgres URL', (secret) => `postgres://app:${secret}@db:5432/app`, plain],
    ['redis URL without user', (secret) => `redis://:${secret}@cache:6379`, plain],
    ['query parameter', (secret) => `https://api.example.com/v1?token=${secret}&page=2`, plain],
    ['INI', (secret) => `[default]\naws_secret_access_key = ${secret}`, word('aws secret', 40)],
    ['npmrc', (secret) => `//registry.example.com/:_authToken=${secret}`, plain],
    ['TOML', (secret) => `private_key = "${secret}"`, plain],
    ['Python dict', (secret) => `{'password': '${secret}'}`, plain],
    ['Python item', (secret) => `config['secret_key'] = '${secret}'`, plain],
    ['Ruby', (secret) => `:api_key => "${secret}"`, plain],
    ['Go', (secret) => `token := "${secret}"`, plain],
    ['Azure shared access', (secret) => `https://x.example/a?sv=2024-01-01&sig=${secret}`, word('sas', 43)],
    ['Azure storage', (secret) => `DefaultEndpointsProtocol=https;AccountKey=${secret};Suffix=x`, word('azure', 86)],
    ['JWK', (secret) => JSON.stringify({ kty: 'EC', d: secret }), word('jwk', 43)],
    ['curl -u', (secret) => `curl -u bob:${secret} https://api.example.com`, `${plain}1`],
    ['--password', (secret) => `mysql --password ${secret} app`, `${plain}1`],
    ['--api-key', (secret) => `deploy --api-key ${secret}`, `${plain}1`],
    ['netrc', (secret) => `machine api.example.com login bob password ${secret}`, plain],
    ['Docker login', (secret) => JSON.stringify({ auths: { hub: { auth: secret } } }), Buffer.from(`bob1:${plain}1`).toString('base64')],
    ['Set-Cookie', (secret) => `Set-Cookie: sid=${secret}; Path=/`, plain],
    ['header of its own', (secret) => `PRIVATE-TOKEN: ${secret}`, `${plain}1`],
    ['flag', (secret) => `login --password ${secret} --verbose`, plain],
    ['flag in quotes', (secret) => `run --api-key "${secret}"`, plain],
    ['flag in a list', (secret) => JSON.stringify(['run', '--token', secret]), plain],
    ['flag with =', (secret) => `run --token=${secret}`, plain],
    ['curl user', (secret) => `curl -u bob:${secret} http://127.0.0.1/`, plain],
    ['signed URL', (secret) => `https://x.example/f?se=1&sig=${secret}&sv=2`, word('sas', 44)],
    ['PEM', () => key, key.split('\n')[2] ?? ''],
    ['PEM behind text', () => `the key is ${key}`, key.split('\n')[1] ?? ''],
    ['PEM without an end', () => key.split('\n').slice(0, 4).join('\n'), key.split('\n')[3] ?? ''],
    [
      'encrypted PEM',
      () => key.replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n'),
      key.split('\n')[4] ?? '',
    ],
  ]
  return cases.map(([about, text, secret]) => ({ about, text: text(secret), secret }))
}

/** Other values of the same kinds for another seed. */
export function secretSamples(seed = ''): readonly SecretSample[] {
  const letters = createLetters(seed)
  return [...shapes(letters).map(([about, secret]) => ({ about, text: `found ${secret} here`, secret })), ...named(letters)]
}

/** Texts that look a little like secrets and must come out as they went in. */
export function harmlessSamples(): readonly string[] {
  const sha = createHash('sha256').update('x')
  const digest = sha.digest()
  return [
    '019ab3c2-7d4e-7aaa-8bbb-0123456789ab',
    digest.toString('hex'),
    digest.toString('hex').slice(0, 40),
    `sha512-${digest.toString('base64')}`,
    `sha256:${digest.toString('hex')}`,
    `commit ${digest.toString('hex').slice(0, 40)}`,
    'index 83db48f..bf269f4 100644',
    `data:image/png;base64,iVBORw0KGgo${digest.toString('base64')}`,
    '"integrity": "sha512-z3tVpXYZ=="',
    '"input_tokens": 1234',
    '"output_tokens":99',
    '"token_count": 4096',
    'max_tokens=4096',
    'tokens: 17',
    'tokenizer: cl100k_base',
    'total_tokens = 12',
    '"cached_input_tokens":0',
    'token: 5',
    'tokens_per_second: 41.5',
    'password: string',
    'const token = getToken()',
    'token = this.token',
    'apiKey: process.env.API_KEY',
    'secret?: boolean',
    'password: undefined',
    'let secret = null',
    'interface Login { user: string; password: string }',
    'if (token === undefined) return',
    'the token is missing',
    'a secret: nobody knows',
    'Enter your password:',
    'forgot password?',
    'cookie policy',
    '"cookie": "^1.0.2"',
    '"tough-cookie": "4.1.3"',
    '"node_modules/cookie": {',
    'refresh: true',
    'refresh=30',
    'npm run refresh',
    'Authorization: required',
    'the Bearer scheme',
    'Bearer token',
    'basic authentication',
    'https://example.com:8080/path',
    'http://127.0.0.1:12345',
    'git@github.com:owner/name.git',
    'ssh://git@host/path',
    'user@example.com',
    'mailto:someone@example.com',
    'https://example.com/@scope/package',
    '-----BEGIN CERTIFICATE-----',
    '-----BEGIN PUBLIC KEY-----',
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5',
    'sk-learn',
    'task-management',
    'disk-usage-report',
    'risk-assessment-2026',
    'npm_config_registry',
    'npm_package_version',
    'hf_hub',
    'xoxo',
    'AKIA',
    'AIzabc',
    'ghp_short',
    'eyJhbGciOiJIUzI1NiJ9',
    'sk_test',
    'whsec_',
    'password_reset_url',
    'secrets.yaml',
    'credential_namespace=default',
    'auth_model: api_key',
    'the quick brown fox',
    'src/token.ts:12: export const token',
    'PATH=/usr/bin:/bin',
    'LANG=en_US.UTF-8',
    'key=value',
    'monkey=banana12345',
    'keyboard: qwerty12345',
    'x=1;y=2',
    'docker run -u 1000:1000 alpine',
    'chown -R node:node /app',
    'llm --max-tokens 4096 --token-limit 128000',
    'gh auth login --with-token',
    'codesdkd --token-file /etc/codesdkd/token',
    '{"d":"M12 2L2 7l10 5 10-5-10-5z"}',
    '?sig=none&page=2',
    'auth: api_key',
    '"auth":{"logged_in":true}',
    'pattern.match(text)',
    'key-value store',
    'fm2_audio.wav',
    'ciology',
    'read it with --token file or --password prompt',
    'docker run -u 1000:1000 -u nobody:nogroup image',
    'run --max-tokens 40960 --token 12345678',
    `{"q":"${digest.toString('hex')}","d":"M10 10h5"}`,
    `key-${digest.toString('hex')}`,
    'EAAC',
    'cio_net figd sq0 NRAK-',
  ]
}

/** Repeated to a megabyte, each of them made somebody's pattern slow once. */
export const slowUnits: readonly string[] = [
  'a',
  'sk-',
  '://a:',
  '-----BEGIN',
  '-----BEGIN PRIVATE KEY-----',
  'token="',
  'token=\\"',
  "password='",
  'eyJ',
  'eyJaaaaaaaa.',
  'eyJ-',
  '--token ',
  '-u a:',
  '&sig=',
  '"d":"',
  'login a password ',
  '--token 1',
  '-u a:1',
  '?sig=',
  '1',
  'Bearer ',
  '\\',
  '"\\',
  '1//0',
  '%22',
  'secret%22%3A%22',
  '/home/',
  'AKIA',
  ' ',
  'a.',
  'xox',
  'token=\\"token="',
]
