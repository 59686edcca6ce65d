import { Command, InvalidArgumentError, Option } from 'commander'
import { parseAddress } from '../address.ts'
import { directions, type TcpFaults, type UdpFaults } from '../core/faults.ts'
import type { ProxyOptions } from '../driver/fault-proxy.ts'
import { faultReference, foreignFaults, type Protocol } from '../fault-options.ts'
import {
  type TcpLimits,
  tcpLimitOptions,
  type UdpLimits,
  udpLimitOptions,
} from '../limit-options.ts'

/** What the command line asks for. */
export type ProxyCommand =
  | { readonly protocol: 'udp'; readonly options: ProxyOptions<UdpFaults, UdpLimits> }
  | { readonly protocol: 'tcp'; readonly options: ProxyOptions<TcpFaults, TcpLimits> }

/** `--listen`, `--to` and `--seed`, and whatever else was given, by the names of commander. */
interface Given extends Readonly<Record<string, unknown>> {
  readonly listen: string
  readonly to: string
  readonly seed?: string
}

const usage = `
--loss 0.05 is for both directions, --forward loss=0.05 from client to upstream, --backward loss=0.05
the other way; --forward stall needs no value. The program prints one JSON object per line: first where it
listens, at its end (SIGTERM, SIGINT or {"command":"stop"}) what it did. Standard input takes one JSON
object per line: {"command":"set","faults":{"loss":0.1,"backward":{"stall":true}}}, {"command":"clear"},
{"command":"counters"}, {"command":"expect","fault":"loss"}, {"command":"reset"} (TCP).`

/**
 * Reads the words after the program's name. Prints and exits like commander on `--help` and on
 * words it does not understand; `run` gets what it did understand.
 */
export function commandLine(run: (command: ProxyCommand) => Promise<void>): Command {
  const program = new Command('fault-proxy')
    .description('A link that fails as told: delay, loss, corruption, stalls, resets and more.')
    .addHelpText('after', usage)
  const about = 'forwards what comes to --listen to --to, and what comes back'
  addOptions(program.command('udp').description(`datagrams: ${about}`), 'udp').action((given) =>
    run({ protocol: 'udp', options: optionsOf(given as Given, 'udp') }),
  )
  addOptions(program.command('tcp').description(`connections: ${about}`), 'tcp').action((given) =>
    run({ protocol: 'tcp', options: optionsOf(given as Given, 'tcp') }),
  )
  return program
}

function addOptions(command: Command, protocol: Protocol): Command {
  command
    .addHelpText('after', usage)
    .option('--listen <address>', 'where clients find it, as IP:port', '127.0.0.1:0')
    .requiredOption('--to <address>', 'where it forwards to, as IP:port')
    .option('--seed <text>', 'repeats every draw; drawn and printed unless given')
  for (const direction of directions) {
    const about = `a fault in this direction only, like ${direction === 'forward' ? 'loss=0.05' : 'stall'}; repeatable`
    command.addOption(
      new Option(`--${direction} <fault>`, about).argParser(
        (text: string, before: Record<string, unknown> | undefined) => ({
          ...before,
          ...oneFault(text, protocol),
        }),
      ),
    )
  }
  for (const { name, type, description } of faultReference(protocol)) {
    const flags = `--${faultFlag(name)}${type === 'boolean' ? '' : ' <number>'}`
    const option = new Option(flags, description)
    command.addOption(type === 'boolean' ? option : option.argParser(number))
  }
  // Known here so that they are refused with a reason instead of as unknown.
  for (const name of Object.keys(foreignFaults[protocol])) {
    const option = new Option(`--${faultFlag(name)} <number>`).hideHelp()
    command.addOption(option.argParser(number))
  }
  for (const { path, description, default: value } of limitsOf(protocol).reference()) {
    const about = `${description} Default ${Number(value).toLocaleString('en')}.`
    command.addOption(new Option(`--${kebab(path)} <number>`, about).argParser(number))
  }
  return command
}

function limitsOf(protocol: Protocol): typeof udpLimitOptions | typeof tcpLimitOptions {
  return protocol === 'udp' ? udpLimitOptions : tcpLimitOptions
}

/** Faults and limits are still unchecked; the proxy does that when it starts. */
function optionsOf(
  given: Given,
  protocol: Protocol,
): Pick<ProxyOptions<UdpFaults, UdpLimits>, 'listen' | 'to' | 'seed'> & {
  readonly faults: object
  readonly limits: object
} {
  const limits = limitsOf(protocol)
    .reference()
    .map(({ path }) => path)
  return {
    listen: parseAddress(given.listen, '--listen'),
    to: parseAddress(given.to, '--to'),
    seed: given.seed,
    faults: {
      ...picked(given, faultsOf(protocol), faultFlag),
      forward: given.forward,
      backward: given.backward,
    },
    limits: picked(given, limits, kebab),
  }
}

/** Every name that has a flag, also those that are refused. */
function faultsOf(protocol: Protocol): readonly string[] {
  const known = faultReference(protocol).map(({ name }) => name)
  return [...known, ...Object.keys(foreignFaults[protocol])]
}

/** `loss=0.05` or `stall`. A name that nobody knows is refused with all the others. */
function oneFault(text: string, protocol: Protocol): Record<string, unknown> {
  const [flag = '', value] = text.split('=', 2)
  const name = faultsOf(protocol).find((known) => faultFlag(known) === flag) ?? flag
  return { [name]: value === undefined ? true : number(value) }
}

/** The given values of some names, which commander keeps under the camel case of their flags. */
function picked(
  given: Given,
  names: readonly string[],
  flagOf: (name: string) => string,
): Record<string, unknown> {
  const camel = (flag: string): string =>
    flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  const pairs = names.map((name) => [name, given[camel(flagOf(name))]] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined))
}

/** The flag of `delayMs` is `delay`: the unit goes. */
function faultFlag(name: string): string {
  return kebab(name.replace(/(Ms|Bytes(PerSecond|Max)?)$/, ''))
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('Not a number.')
  return value
}
