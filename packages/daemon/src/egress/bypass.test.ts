import { networkInterfaces } from 'node:os'
import { beforeEach, describe, expect, test } from 'vitest'
import { openRoom, openSite, say, type Room, type Site } from './testing/room.ts'

/** Everything here is tried against a server of this machine, in a session that may reach every public host. */
let victim: Site
let room: Room

beforeEach(async () => {
  victim = await openSite((_request, response) => response.end('the secrets of this machine'))
  room = await openRoom({
    allow: ['*', `*:${victim.port}`, '127.0.0.1', `127.0.0.1:${victim.port}`, 'localhost', `[::1]:${victim.port}`],
    outside: 'public',
    names: {
      'loop.example.com': ['127.0.0.1'],
      'loop6.example.com': ['::1'],
      'mapped.example.com': ['::ffff:127.0.0.1'],
      'nat64.example.com': ['64:ff9b::7f00:1'],
      '6to4.example.com': ['2002:7f00:1::'],
      'any.example.com': ['0.0.0.0'],
      'any6.example.com': ['::'],
      'metadata.example.com': ['169.254.169.254'],
      'wireserver.example.com': ['168.63.129.16'],
      'ten.example.com': ['10.0.0.1'],
      'lan.example.com': ['192.168.1.1'],
      'cgnat.example.com': ['100.100.100.200'],
      'linklocal.example.com': ['fe80::1'],
      'zone.example.com': ['fe80::1%lo'],
      'ula.example.com': ['fd00:ec2::254'],
      'mixed.example.com': ['93.184.215.14', '127.0.0.1'],
      'mixed6.example.com': ['2606:4700::1111', '::1'],
      'garbage.example.com': ['not an address'],
      'own.example.com': [
        Object.values(networkInterfaces()).flatMap((entries) => entries?.map(({ address }) => address) ?? [])[0] ?? '::1',
      ],
      '127.0.0.1.nip.example': ['127.0.0.1'],
      'xn--bcher-kva.example': ['127.0.0.1'],
    },
  })
})

const addresses = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '2130706433.',
  '0x7f000001',
  '0X7F000001',
  '0x7f.1',
  '0x7f.0x0.0x0.0x1',
  '0177.0.0.1',
  '0177.0.0.01',
  '017700000001',
  '00000177.1',
  '0',
  '0.0.0.0',
  '0x0',
  '%31%32%37.0.0.1',
  '127%2E0%2e0%2E1',
  '%30x7f.1',
  '%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1',
  '%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1',
  '127%E3%80%820%E3%80%820%E3%80%821',
  '[::1]',
  '[::01]',
  '[0:0:0:0:0:0:0:1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  '[::]',
  '[::127.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::FFFF:7f00:1]',
  '[0:0:0:0:0:ffff:127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
  '169.254.169.254',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  '[::ffff:169.254.169.254]',
  '168.63.129.16',
  '100.100.100.200',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '192.0.0.192',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '8.8.8.8',
  '134744072',
  '[2606:4700::1111]',
]

const names = [
  'localhost',
  'LOCALHOST',
  'localhost.',
  'local%68ost',
  'local%C2%ADhost',
  '%EF%BD%8Cocalhost',
  'a.localhost',
  'localhost.localdomain',
  'ip6-localhost',
  'printer',
  'printer.local',
  'metadata.google.internal',
  'metadata',
  'router.home.arpa',
  'abc.onion',
  'nas.lan',
  'loop.example.com',
  'LOOP.Example.COM.',
  'loop6.example.com',
  'mapped.example.com',
  'nat64.example.com',
  '6to4.example.com',
  'any.example.com',
  'any6.example.com',
  'metadata.example.com',
  'wireserver.example.com',
  'ten.example.com',
  'lan.example.com',
  'cgnat.example.com',
  'linklocal.example.com',
  'zone.example.com',
  'ula.example.com',
  'mixed.example.com',
  'mixed6.example.com',
  'garbage.example.com',
  'own.example.com',
  '127.0.0.1.nip.example',
  'b%C3%BCcher.example',
]

const malformed = [
  '',
  '.',
  '..',
  'loop.example.com..',
  '.loop.example.com',
  'user@127.0.0.1',
  'example.com@127.0.0.1',
  'user:word@127.0.0.1',
  'example.com:80@127.0.0.1',
  '127.0.0.1\\@example.com',
  'example.com\\.127.0.0.1',
  '127.0.0.1%00.example.com',
  '127.0.0.1%2f.example.com',
  '127.0.0.1%23.example.com',
  'example.com%40127.0.0.1',
  '::1',
  '[::1',
  '::1]',
  '[::1%25lo]',
  '[::1]example.com',
  '[127.0.0.1]',
  '256.0.0.1',
  '1.2.3.4.5',
  '0x100000000',
  '4294967296',
  '127.0.0.1:80',
  'b\u00fccher.example',
  'example.com;127.0.0.1',
  'example.com,127.0.0.1',
  '*',
  '*.example.com',
]

async function tryBoth(host: string): Promise<readonly (string | undefined)[]> {
  const authority = `${host}:${victim.port}`
  const answers = [
    await say(room.path, `CONNECT ${authority} HTTP/1.1\r\nhost: example.com\r\n\r\n`),
    await say(room.path, `GET http://${authority}/ HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n`),
  ]
  expect(answers.join('')).not.toContain('secrets')
  expect(victim.visits()).toBe(0)
  expect(room.asked).toEqual([])
  return answers.map((answer) => /^HTTP\/1\.1 ([0-9]{3}) /.exec(answer)?.[1])
}

test('the server is there to be reached', async () => {
  const open = await openRoom({ allow: [`loop.example.com:${victim.port}`] })
  const answer = await say(open.path, `GET http://loop.example.com:${victim.port}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
  expect(answer).toContain('secrets')
})

describe('no spelling of an address leads inside', () => {
  test.each(addresses)('%s', async (host) => {
    expect(await tryBoth(host)).toEqual(['403', '403'])
    expect(room.denials).toHaveLength(2)
  })
})

describe('no name leads inside', () => {
  test.each(names)('%s', async (host) => {
    expect(await tryBoth(host)).toEqual(['403', '403'])
    expect(room.denials).toHaveLength(2)
  })
})

describe('nothing malformed is guessed at', () => {
  test.each(malformed)('%j', async (host) => {
    expect(await tryBoth(host)).toEqual(['400', '400'])
    expect(room.denials).toEqual([])
  })
})

describe('no form of a request but the two of a proxy', () => {
  test.each([
    ['GET / HTTP/1.1', '400'],
    ['GET //127.0.0.1/ HTTP/1.1', '400'],
    ['GET https://example.com/ HTTP/1.1', '400'],
    ['GET ftp://example.com/ HTTP/1.1', '400'],
    ['GET file:///etc/passwd HTTP/1.1', '400'],
    ['GET http:/127.0.0.1/ HTTP/1.1', '400'],
    ['GET http:127.0.0.1 HTTP/1.1', '400'],
    ['GET http:\\\\127.0.0.1/ HTTP/1.1', '400'],
    ['GET http:///127.0.0.1/ HTTP/1.1', '400'],
    ['GET http://example.com#@127.0.0.1/ HTTP/1.1', '400'],
    ['OPTIONS * HTTP/1.1', '400'],
    ['TRACE http://example.com/ HTTP/1.1', '405'],
    ['CONNECT http://127.0.0.1/ HTTP/1.1', '400'],
    ['CONNECT example.com HTTP/1.1', '400'],
    ['CONNECT example.com:443/ HTTP/1.1', '400'],
    ['CONNECT example.com:0 HTTP/1.1', '400'],
    ['CONNECT example.com:99999 HTTP/1.1', '400'],
    ['CONNECT /run/socket HTTP/1.1', '400'],
    ['GET http://example.com/', '400'],
    ['PRI * HTTP/2.0', '400'],
  ])('%s', async (line, status) => {
    const answer = await say(room.path, `${line}\r\nhost: example.com\r\nconnection: close\r\n\r\n`)
    expect(answer.slice(0, 13)).toBe(`HTTP/1.1 ${status} `)
    expect(room.asked).toEqual([])
  })

  test.each([
    'content-length: 5\r\ntransfer-encoding: chunked',
    'transfer-encoding: gzip, chunked',
    'transfer-encoding: chunked, chunked',
    'transfer-encoding: xchunked',
    'content-length: 5\r\ncontent-length: 6',
    'content-length: +5',
    'x: a\nb',
  ])('no doubtful framing: %j', async (headers) => {
    const request = `POST http://loop.example.com:${victim.port}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n\r\n0\r\n\r\n`
    expect((await say(room.path, request)).slice(0, 13)).toBe('HTTP/1.1 400 ')
  })

  test.each(['22', '25', '0', '8080', '6379'])('port %s', async (port) => {
    const status = (await say(room.path, `CONNECT example.com:${port} HTTP/1.1\r\nhost: x\r\n\r\n`)).slice(9, 12)
    expect(status).toBe(port === '0' ? '400' : '403')
  })
})
