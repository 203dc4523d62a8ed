import { execFile } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A certificate for 127.0.0.1 that signs itself, as the PEM files of a directory that is the caller's to remove. */
export async function aCertificate() {
  const directory = await mkdtemp(join(tmpdir(), 'hemotrail-tls-'))
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const forMyself = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1']
  const out = ['-nodes', '-keyout', files.key, '-out', files.cert]
  await promisify(execFile)('openssl', ['req', '-x509', ...curve, ...forMyself, ...out])
  return { directory, files, cert: await readFile(files.cert), key: await readFile(files.key) }
}
