import type { UdpFaults } from '../fault-proxy/index.ts'
import type { TraderSettings } from './trader-settings.ts'
import type { Traders } from './traders.ts'

/** One fault under load. */
export interface DeliveryFault {
  readonly summary: string
  /** How the node that is hurt differs from the others. */
  readonly victim?: Partial<TraderSettings>
  /** How all differ from the usual. */
  readonly everyone?: Partial<TraderSettings>
  /** What the links between all nodes do; each node then has a proxy in front of it. */
  readonly links?: Partial<UdpFaults>
  /** Whether everything has to arrive all the same. */
  readonly isOrderly?: boolean
  /** Done again and again while they trade. */
  readonly strike?: (traders: Traders, victim: string) => Promise<void>
}

const killAndReturn = async (traders: Traders, victim: string): Promise<void> => {
  await traders.kill(victim)
  await traders.pass(1_000)
  await traders.start(victim)
  await traders.pass(3_000)
}

export type DeliveryFaultName =
  | 'none'
  | 'drain'
  | 'kill-receiver'
  | 'kill-sender'
  | 'kill'
  | 'pause'
  | 'reload'
  | 'rough'
  | 'slow'
  | 'throws'
  | 'hangs'
  | 'blocks'

/** What can be done to processes that send to each other. */
export const deliveryFaults: Readonly<Record<DeliveryFaultName, DeliveryFault>> = {
  none: { summary: 'nothing', isOrderly: true },
  drain: {
    summary: 'one node after the other drains, closes, and returns as another process',
    isOrderly: true,
    // What runs when a node leaves has to have its time.
    everyone: { trouble: 'works' },
    strike: async (traders) => {
      for (const nodeId of traders.ids) {
        await traders.leave(nodeId)
        await traders.start(nodeId)
        await traders.pass(500)
      }
    },
  },
  'kill-receiver': {
    summary: 'SIGKILL of a node that only receives, and its return',
    victim: { isSender: false },
    strike: killAndReturn,
  },
  'kill-sender': {
    summary: 'SIGKILL of a node that only sends, and its return',
    victim: { isReceiver: false },
    strike: killAndReturn,
  },
  kill: {
    summary: 'SIGKILL of a node that sends and receives, and its return',
    strike: killAndReturn,
  },
  pause: {
    summary: 'SIGSTOP of a node for 3 s',
    strike: async (traders, victim) => {
      traders.pause(victim)
      await traders.pass(3_000)
      traders.resume(victim)
      await traders.pass(2_000)
    },
  },
  reload: {
    summary: 'certificates of all nodes are read again, and all connections replaced, every second',
    everyone: { reloadEveryMs: 1_000 },
  },
  rough: {
    summary: 'links lose 5 % and delay by 50 +- 20 ms, duplicate 1 % and reorder 5 %',
    links: { loss: 0.05, delayMs: 50, jitterMs: 20, duplication: 0.01, reordering: 0.05 },
    everyone: { burst: 2 },
  },
  slow: {
    summary: 'one node takes a second for each message',
    victim: { trouble: 'slow' },
  },
  throws: {
    summary: 'the handlers of one node throw',
    victim: { trouble: 'throws' },
  },
  hangs: {
    summary: 'the handlers of one node never return',
    victim: { trouble: 'hangs' },
  },
  blocks: {
    summary: 'the handlers of one node block its event loop for 2 s, again and again',
    victim: { trouble: 'blocks' },
  },
}
