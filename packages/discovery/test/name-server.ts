import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from './temporary-directory.ts'

function requireDnsmasq(): void {
  try {
    execFileSync('dnsmasq', ['--version'], { stdio: 'ignore' })
  } catch (cause) {
    const message = 'these tests ask a real name server; on Debian: apt-get install dnsmasq-base'
    throw new Error(message, { cause })
  }
}

/** A real name server for the domain `test`, on a loopback port, until the test ends. */
export class NameServer {
  readonly address: string
  readonly #process: ChildProcess
  readonly #file: string
  readonly #log: string[]

  constructor(address: string, child: ChildProcess, file: string, log: string[]) {
    this.address = address
    this.#process = child
    this.#file = file
    this.#log = log
  }

  /** Replaces all A and AAAA records: lines as in /etc/hosts. Resolves when they are answered. */
  async setHosts(lines: readonly string[]): Promise<void> {
    await writeFile(this.#file, `${lines.join('\n')}\n`)
    const before = this.#loads()
    this.#process.kill('SIGHUP')
    while (this.#loads() === before)
      await once(this.#process.stderr as NodeJS.ReadableStream, 'data')
  }

  /** How often it was asked for records of that kind. */
  questions(kind: string): number {
    return this.#log.join('').split(`query[${kind}]`).length - 1
  }

  #loads(): number {
    return this.#log.join('').split(`read ${this.#file}`).length - 1
  }
}

export async function startNameServer(
  options: { hosts?: readonly string[]; ttlSeconds?: number; more?: readonly string[] } = {},
): Promise<NameServer> {
  requireDnsmasq()
  const { hosts = [], ttlSeconds = 60, more = [] } = options
  const file = join(await temporaryDirectory(), 'hosts')
  await writeFile(file, `${hosts.join('\n')}\n`)
  const port = await freeUdpPort()
  const child = spawn(
    'dnsmasq',
    [
      ...['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file='],
      ...['--bind-interfaces', '--listen-address=127.0.0.1', `--port=${port}`, '--local=/test/'],
      ...['--log-queries', '--log-facility=-', `--addn-hosts=${file}`, `--local-ttl=${ttlSeconds}`],
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      ...more,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const log: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text))
  while (!log.join('').includes(`read ${file}`)) {
    const [first] = (await Promise.race([once(child.stderr, 'data'), once(child, 'exit')])) as [
      unknown,
    ]
    if (typeof first === 'number') throw new Error(`dnsmasq ended: ${log.join('')}`)
  }
  return new NameServer(`127.0.0.1:${port}`, child, file, log)
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** One answer record: the type's number, and the bytes of its data. */
export interface RawRecord {
  readonly name?: string
  readonly type: number
  readonly data: Uint8Array
}

/**
 * A name server that answers whatever it is told to, also what no honest one would; over UDP.
 * The answer is undefined for silence.
 */
export async function startHostileServer(
  answer: (name: string, type: number) => readonly RawRecord[] | Uint8Array | undefined,
): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  socket.on('message', (question, from) => {
    const { name, type, end } = questionOf(question)
    const said = answer(name, type)
    if (said === undefined) return
    const records = said instanceof Uint8Array ? [] : said
    const head = Buffer.alloc(12)
    question.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(records.length, 6)
    const parts = [
      head,
      question.subarray(12, end),
      ...records.map((record) => bytesOf(record, name)),
    ]
    const bytes =
      said instanceof Uint8Array ? Buffer.concat([head.subarray(0, 2), said]) : Buffer.concat(parts)
    socket.send(bytes, from.port, from.address)
  })
  return `127.0.0.1:${socket.address().port}`
}

export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  return Buffer.concat([
    ...labels.map((text) => Buffer.from([text.length, ...Buffer.from(text)])),
    Buffer.from([0]),
  ])
}

function questionOf(packet: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = packet[at] ?? 0; length > 0; length = packet[at] ?? 0) {
    labels.push(packet.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), type: packet.readUInt16BE(at + 1), end: at + 5 }
}

function bytesOf({ name, type, data }: RawRecord, asked: string): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(60, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([encodeName(name ?? asked), fixed, data])
}
