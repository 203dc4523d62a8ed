import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { Tasks, TasksQuery } from '../../schema/http/tasks.ts'
import { listTasks } from '../usecases/list-tasks.ts'
import { needs } from './admission.ts'
import { everywhere, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const list = createRoute({
  method: 'get',
  path: '/',
  tags: ['Tasks'],
  summary: 'What somebody must see to',
  ...needs('task.read'),
  request: { query: TasksQuery },
  responses: { ...everywhere, 200: json(Tasks, 'The tasks'), 404: problem('No such facility') },
})

export const taskRoutes = new OpenAPIHono<Env>().openapi(list, async (c) => {
  const tasks = await listTasks(c.var.ctx, c.req.valid('query'))
  return c.json({ tasks: tasks.map(({ since, ...task }) => ({ ...task, since: iso(since) })) }, 200)
})
