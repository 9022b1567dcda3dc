import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'
import { expect, test } from 'vitest'
import { isOutsideAddress } from './outside-address.ts'

const shared = { mac: '00:00:00:00:00:00', internal: false }
/** Those of a machine that is reachable from everywhere. */
const interfaces: Record<string, NetworkInterfaceInfo[]> = {
  one: [
    { ...shared, family: 'IPv4', address: '93.184.215.7', netmask: '255.255.255.0', cidr: '93.184.215.7/24' },
    { ...shared, family: 'IPv6', address: '2a00:1::7', netmask: 'ffff:ffff:ffff:ffff::', cidr: '2a00:1::7/64', scopeid: 0 },
    { ...shared, family: 'IPv6', address: 'fe80::7', netmask: 'ffff:ffff:ffff:ffff::', cidr: 'fe80::7/64', scopeid: 3 },
  ],
  two: [{ ...shared, family: 'IPv6', address: '2a00:2::7', netmask: 'ffff::', cidr: '2a00:2::7/16', scopeid: 0 }],
}

test.each(['93.184.215.7', '::ffff:93.184.215.7', '2a00:1::7', '2a00:1::8', '2a00:1:0:0:ffff::', '2a00:2::7', '127.0.0.1', '10.0.0.1'])(
  '%s is not outside',
  (address) => {
    expect(isOutsideAddress(address, interfaces)).toBe(false)
  },
)

test.each(['93.184.215.8', '2a00:1:0:1::7', '2a00:3::7'])('%s is outside', (address) => {
  expect(isOutsideAddress(address, interfaces)).toBe(true)
})

test('no address that this machine has now is outside', () => {
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries?.map(({ address }) => address) ?? [])
  expect(own.length).toBeGreaterThan(0)
  expect(own.filter((address) => isOutsideAddress(address))).toEqual([])
})
