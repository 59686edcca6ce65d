import { execFileSync } from 'node:child_process'

/** A network of the run's own: two namespaces and a cable between them, and a fault on command. */
export interface Network {
  /** Of a side: what a program is started with to live there, before its own command. */
  enter(side: number): readonly string[]
  hostOf(side: number, at: number): string
  /** Nothing passes between the sides. */
  split(): void
  /** That share of all packets is dropped where they arrive, also within a side. */
  lose(share: number): void
  /** Ends the fault; returns how many packets it has dropped. */
  heal(): number
  remove(): void
}

const table = 'inet chaos'

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/**
 * Makes the namespaces `<name>a` and `<name>b`.
 *
 * @param perSide so many addresses each
 * @throws when this process may not, or `ip` or `nft` is missing
 */
export function makeNetwork(name: string, perSide: number): Network {
  const sides = [`${name}a`, `${name}b`] as const
  const cable = (side: number): string => `v-${sides[side]}`
  const inside = (side: number, ...args: string[]): string =>
    run('ip', 'netns', 'exec', String(sides[side]), ...args)
  const remove = (): void => {
    for (const side of sides) {
      try {
        run('ip', 'netns', 'del', side)
      } catch {
        // It was never made.
      }
    }
  }
  const rules = (side: number, ...chains: string[]): void => {
    execFileSync('ip', ['netns', 'exec', String(sides[side]), 'nft', '-f', '-'], {
      input: `table ${table} {\n counter dropped { }\n${chains.join('\n')}\n}\n`,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
  }
  const heal = (): number => {
    const counts = [0, 1].map((side) => {
      const counters = inside(side, 'nft', 'list', 'counters')
      inside(side, 'nft', 'flush', 'ruleset')
      return Number(/packets (\d+)/.exec(counters)?.[1] ?? 0)
    })
    return counts.reduce((sum, count) => sum + count, 0)
  }
  const chain = (hook: 'input' | 'output', rule: string): string =>
    ` chain ${hook} {\n  type filter hook ${hook} priority 0; policy accept;\n  ${rule}\n }`
  try {
    run('nft', '--version')
    for (const side of sides) run('ip', 'netns', 'add', side)
    run(
      'ip',
      'link',
      'add',
      cable(0),
      'netns',
      sides[0],
      'type',
      'veth',
      'peer',
      'name',
      cable(1),
      'netns',
      sides[1],
    )
    for (const side of [0, 1]) {
      inside(side, 'ip', 'link', 'set', 'lo', 'up')
      inside(side, 'ip', 'link', 'set', cable(side), 'up')
      for (let at = 0; at < perSide; at += 1) {
        inside(side, 'ip', 'addr', 'add', `${hostOf(side, at)}/16`, 'dev', cable(side))
      }
    }
  } catch (error) {
    remove()
    const said = (error as { stderr?: string }).stderr ?? (error as Error).message
    throw new Error(
      `no network namespaces: ${said.trim()}; they need root (CAP_SYS_ADMIN, CAP_NET_ADMIN), iproute2 and nftables`,
      { cause: error },
    )
  }
  return {
    enter: (side) => ['ip', 'netns', 'exec', String(sides[side])],
    hostOf,
    split: () => {
      for (const side of [0, 1]) {
        rules(
          side,
          chain('input', `iifname "${cable(side)}" counter name dropped drop`),
          chain('output', `oifname "${cable(side)}" counter name dropped drop`),
        )
      }
    },
    lose: (share) => {
      const rule = `numgen random mod 1000 < ${Math.round(share * 1_000)} counter name dropped drop`
      for (const side of [0, 1]) rules(side, chain('input', rule))
    },
    heal,
    remove,
  }
}

function hostOf(side: number, at: number): string {
  return `10.77.${side + 1}.${at + 1}`
}
