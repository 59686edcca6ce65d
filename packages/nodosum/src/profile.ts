import type { z } from 'zod'
import type { NodeConfig, NodeOptions } from './node-options.ts'

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '::1'])

/** Where a node listens: what is given, else what its profile says. */
export function listenOf({ profile, listen }: Pick<NodeConfig, 'profile' | 'listen'>): {
  readonly host: string
  readonly port: number
} {
  const usual =
    profile === 'development' ? { host: '127.0.0.1', port: 0 } : { host: '0.0.0.0', port: 6_969 }
  return { host: listen?.host ?? usual.host, port: listen?.port ?? usual.port }
}

/** Options that contradict each other, or that the profile would ignore. */
export function checkCombination(
  options: Pick<
    NodeOptions,
    'profile' | 'listen' | 'advertise' | 'identity' | 'gossipKeys' | 'join' | 'logger' | 'logLevel'
  >,
  context: z.RefinementCtx,
): void {
  const refuse = (message: string, ...path: string[]): void => {
    context.addIssue({ code: 'custom', message, path })
  }
  const { profile, listen, advertise, identity, gossipKeys, join } = options
  if (join?.expect !== undefined && join.expect > 1 && join.alone === true) {
    refuse(
      `contradicts join.expect: ${join.expect}, which forms a cluster of so many; leave one of them out`,
      'join',
      'alone',
    )
  }
  if (options.logger !== undefined && options.logLevel !== undefined) {
    refuse(
      'belongs to the default logger; set the level of your own, or leave logger out',
      'logLevel',
    )
  }
  if (profile !== 'development') return
  const own = 'profile development makes its own and shares it; use profile small for yours'
  if (identity !== undefined) refuse(own, 'identity')
  if (gossipKeys !== undefined) refuse(own, 'gossipKeys')
  const beyond = 'profile development stays on loopback; use profile small for other hosts'
  if (!loopback.has(listen?.host ?? '127.0.0.1')) refuse(beyond, 'listen', 'host')
  if (!loopback.has(advertise?.host ?? '127.0.0.1')) refuse(beyond, 'advertise', 'host')
}
