/** A TCP relay in front of a node: what the network does to it, and what its death looks like. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { HostPort } from '@nodosum/transport'

export class Cable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Where the node is; null as long as it does not listen. */
  readonly #target: () => HostPort | null
  #isCut = false

  private constructor(target: () => HostPort | null) {
    this.#target = target
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => this.#relay(near))
  }

  static async lay(target: () => HostPort | null): Promise<Cable> {
    const cable = new Cable(target)
    await new Promise<void>((resolve) => cable.#server.listen(0, '127.0.0.1', resolve))
    return cable
  }

  get address(): HostPort {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  /** From now on nothing passes, and nobody is told. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** Both ends lose their connections at once, as when the system cleans up after a process. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  close(): Promise<void> {
    this.reset()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #relay(near: Socket): void {
    const target = this.#target()
    if (target === null || this.#isCut) {
      near.resetAndDestroy()
      return
    }
    const far = connect({ ...target, noDelay: true, allowHalfOpen: true })
    this.#pass(near, far)
    this.#pass(far, near)
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('data', (chunk) => {
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => {
      if (!this.#isCut) from.resume()
    })
    from.on('end', () => {
      if (!this.#isCut) to.end()
    })
    from.on('error', () => {})
    from.on('close', (hadError) => {
      this.#sockets.delete(from)
      if (this.#isCut) return
      if (hadError) to.resetAndDestroy()
      else to.end()
    })
  }
}
