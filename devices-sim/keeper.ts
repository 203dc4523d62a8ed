import { spawn } from 'node:child_process'

/** Runs a program that knows no leash, `keeper.ts PROGRAM WORD…`, and kills it when its own input ends. */
const [program = '', ...words] = process.argv.slice(2)
const kept = spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit'] })
process.on('SIGTERM', () => void kept.kill('SIGTERM'))
process.stdin.resume().once('end', () => void kept.kill('SIGKILL'))
kept.once('close', (code) => process.exit(code ?? 1))
