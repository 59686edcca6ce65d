/**
 * `npm run fault-proxy -- udp --listen 127.0.0.1:0 --to 127.0.0.1:7000 --loss 0.05 --delay 50`
 *
 * One JSON object per line goes out: where it listens, answers to control lines, and at the end
 * what it did.
 */
import { commandLine, type ProxyCommand } from './adapters/command-line.ts'
import { startTcpProxy, startUdpProxy } from './adapters/start-proxy.ts'
import { formatAddress } from './address.ts'
import { control } from './driver/control.ts'
import { LineSplitter, lineCharactersMax } from './driver/line-splitter.ts'

function say(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

async function run(command: ProxyCommand): Promise<void> {
  const proxy =
    command.protocol === 'udp'
      ? await startUdpProxy(command.options)
      : await startTcpProxy(command.options)
  const { protocol, address, to, seed, faults } = proxy
  const addresses = { listen: formatAddress(address), to: formatAddress(to) }
  say({ event: 'listening', protocol, ...addresses, seed, faults })

  let isStopping = false
  const stop = async (): Promise<void> => {
    if (isStopping) return
    isStopping = true
    await proxy.close()
    say({ event: 'stopped', protocol, seed, counters: proxy.counters })
    process.stdin.destroy()
  }
  process.once('SIGTERM', () => void stop())
  process.once('SIGINT', () => void stop())

  const lines = new LineSplitter(
    (line) => say(control(proxy, line, () => void stop())),
    () => say({ event: 'answer', ok: false, error: `longer than ${lineCharactersMax} characters` }),
  )
  // A proxy without standard input, or whose input ends, goes on with what it was told.
  process.stdin.setEncoding('utf8').on('data', (text: string) => lines.push(text))
}

try {
  await commandLine(run).parseAsync()
} catch (error) {
  process.stderr.write(`fault-proxy: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
