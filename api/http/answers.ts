import type { z } from 'zod'
import { ProblemBody } from './problems.ts'

/** Declares a JSON request body. It must be there: a route without one declares none. */
export function body<T extends z.ZodType>(schema: T) {
  return { content: { 'application/json': { schema } }, required: true }
}

/** Declares an answer in JSON. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { content: { 'application/json': { schema } }, description }
}

/** Declares an answer that says why not. */
export function problem(description: string) {
  return { content: { 'application/problem+json': { schema: ProblemBody } }, description }
}

/** The answers every route behind the key may give. */
export const everywhere = {
  400: problem('The request is not as described'),
  401: problem('Who asks is not known'),
  403: problem('None of your roles allows it'),
  500: problem('The service is at fault'),
  503: problem('The database is away: try again'),
}

/** The same, where a body is read. */
export const everywhereWithBody = {
  ...everywhere,
  413: problem('The body is larger than a megabyte'),
  415: problem('The body is not JSON'),
}
