import { DrizzleQueryError } from 'drizzle-orm'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { type FailureClass, failureClass, sqlMessageOf, sqlStateOf } from '../../../api/stores/sql-state.ts'

function withCode(code: string, message = 'it failed'): Error {
  return Object.assign(new Error(message), { code })
}

function wrapped(cause: Error): Error {
  return new DrizzleQueryError('select 1', [], cause)
}

describe('the SQLSTATE of an error', () => {
  test('is found through whatever wraps it', () => {
    const error = new Error('outer', { cause: wrapped(withCode('23505', 'it is there already')) })
    expect(sqlStateOf(error)).toBe('23505')
    expect(sqlMessageOf(error)).toBe('it is there already')
  })

  test('is not made of what is no SQLSTATE', () => {
    for (const code of ['EPIPE', 'E2BIG', 'ECONNRESET', 'ERR_ASSERTION', '']) {
      expect(sqlStateOf(withCode(code))).toBeUndefined()
    }
    expect(sqlStateOf('23505')).toBeUndefined()
    expect(sqlStateOf(undefined)).toBeUndefined()
    expect(sqlMessageOf(withCode('EPIPE'))).toBeUndefined()
  })

  test('does not hang on causes that go in a circle', () => {
    const error = new Error('mine')
    error.cause = error
    expect(sqlStateOf(error)).toBeUndefined()
    expect(failureClass(error)).toBe('bug')
  })
})

describe('what to do about an error', () => {
  const states: Record<FailureClass, readonly string[]> = {
    data: ['22001', '22003', '22021', '22P02', '22P05', '23502', '23503', '23505', '23514', '54000', '54001'],
    retry: ['40001', '40P01', '55P03'],
    away: [
      ...['08000', '08003', '08006', '08P01', '25006', '25P03', '28P01', '3D000', '53100', '53200', '53300'],
      ...['57014', '57P01', '57P02', '57P03', '57P05', '58030'],
    ],
    bug: ['0A000', '21000', '25P02', '40003', '42501', '42601', '42703', '42P01', 'P0001', 'XX000', 'XX001'],
  }
  const cases = Object.entries(states).flatMap(([expected, codes]) =>
    codes.map((code) => ({ code, expected })),
  )

  test.each(cases)('SQLSTATE $code is $expected', ({ code, expected }) => {
    expect(failureClass(wrapped(withCode(code)))).toBe(expected)
  })

  test.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'PGLITE_ENDED',
  ])('%s means that the database is away', (code) => {
    expect(failureClass(wrapped(withCode(code)))).toBe('away')
  })

  test.each([
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout expired',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'Cannot use a pool after calling end on the pool',
  ])('"%s" means that the database is away', (message) => {
    expect(failureClass(wrapped(new Error(message)))).toBe('away')
  })

  test('a socket file that is missing is an absent server, any other missing file is a bug', () => {
    expect(failureClass(Object.assign(withCode('ENOENT'), { syscall: 'connect' }))).toBe('away')
    expect(failureClass(Object.assign(withCode('ENOENT'), { syscall: 'open' }))).toBe('bug')
  })

  test('what is not from the database is a bug', () => {
    expect(failureClass(new TypeError('x is not a function'))).toBe('bug')
    expect(failureClass('a string')).toBe('bug')
  })

  test('a port nobody listens on is an absent server', async () => {
    const client = new pg.Client({ host: 'localhost', port: 1, user: 'nobody' })
    expect(failureClass(await client.connect().catch((error: unknown) => error))).toBe('away')
  })
})
