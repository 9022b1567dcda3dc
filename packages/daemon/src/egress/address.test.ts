import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPublicAddress } from './address.ts'

const closed: readonly (readonly [first: string, last: string])[] = [
  ['0.0.0.0', '0.255.255.255'],
  ['10.0.0.0', '10.255.255.255'],
  ['100.64.0.0', '100.127.255.255'],
  ['127.0.0.0', '127.255.255.255'],
  ['168.63.129.16', '168.63.129.16'],
  ['169.254.0.0', '169.254.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['192.0.0.0', '192.0.0.255'],
  ['192.0.2.0', '192.0.2.255'],
  ['192.88.99.0', '192.88.99.255'],
  ['192.168.0.0', '192.168.255.255'],
  ['198.18.0.0', '198.19.255.255'],
  ['198.51.100.0', '198.51.100.255'],
  ['203.0.113.0', '203.0.113.255'],
  ['224.0.0.0', '255.255.255.255'],
]

const toNumber = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
const toText = (number: number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')

describe('IPv4', () => {
  test.each(closed)('%s to %s is closed, and its neighbours are not closed with it', (first, last) => {
    expect([first, last].map(isPublicAddress)).toEqual([false, false])
    const neighbours = [toNumber(first) - 1, toNumber(last) + 1].filter((number) => number >= 0 && number < 2 ** 32)
    for (const neighbour of neighbours) {
      const listed = closed.some(([from, to]) => toNumber(from) <= neighbour && neighbour <= toNumber(to))
      expect([toText(neighbour), isPublicAddress(toText(neighbour))]).toEqual([toText(neighbour), !listed])
    }
  })

  test('everything else is open', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (number) => {
        const listed = closed.some(([from, to]) => toNumber(from) <= number && number <= toNumber(to))
        expect(isPublicAddress(toText(number))).toBe(!listed)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('IPv6', () => {
  test.each([
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:1::1',
    '2001:10::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    '4000::1',
    '5f00::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
  ])('%s is closed', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each(['2001:200::1', '2001:4860:4860::8888', '2606:4700::1111', '2a00:1450::1', '3ffe::1'])('%s is open', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })
})

test.each(['', 'example.com', '1.1.1', '1.1.1.1.', '[2606:4700::1111]', '2606:4700::1111%eth0', ' 1.1.1.1', '0x1.1.1.1'])(
  '%j is no address',
  (text) => {
    expect(isPublicAddress(text)).toBe(false)
  },
)
