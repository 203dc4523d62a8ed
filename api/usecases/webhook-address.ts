import { type LookupAddress, lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { Refusal } from '../domain/refusal.ts'

/*
 * Receivers are called from inside the network, so where they may be is bounded: never link-local, where clouds keep the
 * keys of their machines, and without TLS only this very machine. Other private addresses are where hospitals are. What a
 * name resolves to is looked at when it is called, or it could resolve to something else by then.
 */

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const denied = new BlockList()
denied.addSubnet('169.254.0.0', 16, 'ipv4')
denied.addSubnet('0.0.0.0', 8, 'ipv4')
denied.addSubnet('fe80::', 10, 'ipv6')
denied.addAddress('::', 'ipv6')
// Metadata of machines at Alibaba Cloud and AWS, outside the link-local range.
denied.addAddress('100.100.100.200', 'ipv4')
denied.addAddress('fd00:ec2::254', 'ipv6')

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function mayCall(protocol: string, address: string): boolean {
  return !isIn(denied, address) && (protocol === 'https:' || isIn(loopback, address))
}

/** @returns where to deliver. @throws Refusal `invalid_request` */
export function checkWebhookUrl(text: string): URL {
  const refuse = (why: string) => new Refusal('invalid_request', `the url of a webhook ${why}`)
  if (!/^https?:/i.test(text) || !URL.canParse(text)) throw refuse('begins with https:// or http://')
  const url = new URL(text)
  if (url.username || url.password) throw refuse('holds no password: deliveries are signed')
  const host = hostOf(url)
  if (url.protocol === 'http:' && host !== 'localhost' && !(isIP(host) && isIn(loopback, host)))
    throw refuse('is https, or http to this very machine')
  if (isIP(host) && !mayCall(url.protocol, host)) throw refuse(`is not ${host}`)
  return url
}

/** Resolves names as usual, and fails where one leads to what must not be called. */
export function guardedLookup({ protocol }: URL): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, '')
      const denied = addresses.find(({ address }) => !mayCall(protocol, address))
      if (denied) return callback(new Error(`${hostname} is ${denied.address}, which is not called`), '')
      if (options.all) return callback(null, addresses)
      callback(null, addresses[0]?.address ?? '', addresses[0]?.family)
    })
  }
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}
