/**
 * The entrance of every worker thread written in TypeScript. Node 20 gives a worker no loader from `--import`, so this
 * one line of JavaScript brings tsx along. `workerData.entry` is the URL of the worker's own file.
 */
import { workerData } from 'node:worker_threads'
import { tsImport } from 'tsx/esm/api'

await tsImport(workerData.entry, import.meta.url)
