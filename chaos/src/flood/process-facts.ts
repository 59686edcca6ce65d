/** What the system says of a process and a port; Linux only. */
import { readFileSync } from 'node:fs'

const kibPerMib = 1_024

/** Resident memory, in MiB. */
export function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / kibPerMib
}

/** Datagrams that the system dropped because nobody fetched them from the port's buffer in time. */
export function droppedDatagrams(port: number): number {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const lines = readFileSync('/proc/net/udp', 'utf8').split('\n')
  const line = lines.find((one) => one.split(/\s+/)[2]?.endsWith(`:${wanted}`) === true)
  return Number(line?.trim().split(/\s+/).at(-1) ?? Number.NaN)
}

/** The highest of a value that is looked at every 100 ms, until `stop`. */
export function watchPeak(read: () => number): { stop(): number } {
  let peak = read()
  const timer = setInterval(() => {
    peak = Math.max(peak, read())
  }, 100)
  return {
    stop: () => {
      clearInterval(timer)
      return Math.max(peak, read())
    },
  }
}
