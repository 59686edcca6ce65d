import { createServer } from 'node:net'

/** Below the range from which the system picks: a restarted node finds its port free. */
const firstPort = 10_000
const portsTried = 20_000

/** Ports on loopback that nobody uses now. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = []
  const from = firstPort + Math.floor(Math.random() * (portsTried / 2))
  for (let port = from; found.length < count; port += 1) {
    if (port >= firstPort + portsTried) throw new Error(`no ${count} free ports`)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    found.push(port)
    await new Promise((resolve) => server.close(resolve))
  }
  return found
}
