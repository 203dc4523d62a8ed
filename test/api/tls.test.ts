import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startService } from '../../api/compose.ts'
import { readConfig } from '../../api/config.ts'
import { createFirstAdministrator } from '../../api/usecases/create-person.ts'
import { aCertificate } from '../support/certificate.ts'
import { silent } from '../support/world.ts'

const key = { HEMOTRAIL_ADMIN_KEY: 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg==' }
const ada = { username: 'ada', name: 'Ada', password: 'correct horse battery' }

let certificate: Awaited<ReturnType<typeof aCertificate>>
beforeAll(async () => {
  certificate = await aCertificate()
  return () => rm(certificate.directory, { recursive: true })
})

const files = () => ({ TLS_CERT_FILE: certificate.files.cert, TLS_KEY_FILE: certificate.files.key })

async function start(environment: Record<string, string>) {
  const data = join(certificate.directory, crypto.randomUUID())
  const lines: Record<string, unknown>[] = []
  const service = await startService(
    readConfig({ ...key, ...files(), HEMOTRAIL_DATA: data, MQTT_PORT: '0', ...environment }),
    { log: { ...silent, info: (line: object) => void lines.push({ ...line }) } },
  )
  onTestFinished(() => service.close())
  return { service, ready: lines.find((line) => 'mqtt' in line) ?? {} }
}

/** What a browser asks, one that trusts the certificate. */
async function ask(url: string, path: string, body?: object) {
  const agent = new Agent({ ca: certificate.cert })
  const asked = request(new URL(path, url), {
    agent,
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
  })
  asked.end(body && JSON.stringify(body))
  const [response] = await once(asked, 'response')
  return { status: response.statusCode, cookies: response.headers['set-cookie'], body: await text(response) }
}

describe('where TLS alone is asked for', () => {
  test('the API answers on it alone, and its cookies are for TLS alone', async () => {
    const { service, ready } = await start({ HTTPS_PORT: '0' })
    expect(service.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(ready).toMatchObject({ https: service.url })
    expect(ready).not.toHaveProperty('http')
    expect((await ask(service.url, '/ready')).status).toBe(200)
    await expect(fetch(service.url.replace('https:', 'http:'))).rejects.toThrow()

    await createFirstAdministrator(service.deps, ada)
    const { cookies } = await ask(service.url, '/session', { username: 'ada', password: ada.password })
    expect(cookies).toEqual([expect.stringMatching(/^__Secure-.*; Secure/)])
  })

  test('nothing older than TLS 1.2 is spoken', async () => {
    const { service } = await start({ HTTPS_PORT: '0' })
    const port = Number(new URL(service.url).port)
    const shake = async (maxVersion: 'TLSv1.1' | 'TLSv1.2') => {
      const ciphers = 'DEFAULT@SECLEVEL=0'
      const socket = connect({
        host: '127.0.0.1',
        port,
        ca: certificate.cert,
        minVersion: 'TLSv1',
        maxVersion,
        ciphers,
      })
      onTestFinished(() => void socket.destroy())
      await once(socket, 'secureConnect')
      return socket.getProtocol()
    }
    expect(await shake('TLSv1.2')).toBe('TLSv1.2')
    await expect(shake('TLSv1.1')).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' })
  })

  test('closing ends it, whoever never finished a handshake', async () => {
    const { service } = await start({ HTTPS_PORT: '0' })
    const port = Number(new URL(service.url).port)
    const silent = createConnection(port, '127.0.0.1')
    await once(silent, 'connect')
    const cut = once(silent, 'close')

    await service.close()

    await cut
    await expect(ask(service.url, '/ready')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

test('beside plain HTTP, both answer, and one that is taken closes the other', async () => {
  const { service, ready } = await start({ HTTP_PORT: '0', HTTPS_PORT: '0' })
  expect(service.url).toBe(ready.https)
  expect((await ask(service.url, '/health')).status).toBe(200)
  expect((await fetch(`${ready.http}/health`)).status).toBe(200)

  await createFirstAdministrator(service.deps, ada)
  const { cookies } = await ask(service.url, '/session', { username: 'ada', password: ada.password })
  expect(cookies).toEqual([expect.not.stringContaining('Secure')])

  const { port } = new URL(service.url)
  await expect(start({ HTTP_PORT: '0', HTTPS_PORT: port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

describe('a configuration', () => {
  test('that asks for TLS without a certificate is refused', () => {
    expect(() => readConfig({ ...key, HTTPS_PORT: '8443' })).toThrow(/HTTPS_PORT.* need TLS_CERT_FILE/)
    expect(() => readConfig({ ...key, HTTPS_PORT: '8443', TLS_CERT_FILE: 'cert.pem' })).toThrow(
      /TLS_KEY_FILE/,
    )
  })

  test('listens on plain HTTP unless only TLS is asked for', () => {
    const ports = (environment: object) => {
      const { httpPort, httpsPort } = readConfig({ ...key, ...files(), ...environment })
      return { httpPort, httpsPort }
    }
    expect(ports({})).toEqual({ httpPort: 8080 })
    expect(ports({ HTTPS_PORT: '8443', HTTP_PORT: '' })).toEqual({ httpsPort: 8443 })
    expect(ports({ HTTPS_PORT: '8443', HTTP_PORT: '80' })).toEqual({ httpPort: 80, httpsPort: 8443 })
  })

  test('names an OpenID provider whole or not at all', () => {
    const whole = {
      OIDC_ISSUER: 'https://id.first.test/realms/city/',
      OIDC_CLIENT_ID: 'hemotrail',
      OIDC_CLIENT_SECRET: 'secret',
      PUBLIC_URL: 'https://hemotrail.first.test/',
    }
    expect(readConfig({ ...key, ...whole }).openId).toEqual({
      issuer: 'https://id.first.test/realms/city',
      clientId: 'hemotrail',
      clientSecret: 'secret',
      publicUrl: 'https://hemotrail.first.test',
    })
    for (const name of Object.keys(whole))
      expect(() => readConfig({ ...key, ...whole, [name]: '' })).toThrow(name)
    expect(() => readConfig({ ...key, ...whole, OIDC_ISSUER: 'id.first.test' })).toThrow('OIDC_ISSUER')
    expect(readConfig({ ...key, PUBLIC_URL: whole.PUBLIC_URL }).openId).toBeUndefined()
    expect(readConfig(key).openId).toBeUndefined()
  })
})
