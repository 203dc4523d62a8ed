import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The least an InfluxDB can be: it reads what it is sent, keeps nothing and says yes. */
const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => response.writeHead(204).end())
})
server.listen(0, '127.0.0.1', () =>
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
)
process.on('SIGTERM', () => process.exit(0))
