import type { LinkKind } from './faulty-links.ts'

/** A round trip of 100 ms makes one stream after another a matter of hours, so many take turns. */
const sideBySide = { lanes: 200 }

const tooEarly = {
  'a stranger that falls silent in its handshake is let go':
    'it looks whether the stranger is gone before the first packet has arrived',
}

const lostForGood = {
  'a peer that stops reading is noticed although it had ended its direction':
    'the engine does not repeat a STOP_SENDING that was lost',
}

/** Links to run the conformance suite over, by transport. */
export const linkKinds: Readonly<Record<'quic' | 'h2', readonly LinkKind[]>> = {
  quic: [
    { name: 'clean', protocol: 'udp', faults: {}, expected: [], patienceMs: 30_000 },
    {
      name: 'far',
      protocol: 'udp',
      faults: { delayMs: 50, jitterMs: 20 },
      expected: ['delay', 'jitter'],
      patienceMs: 30_000,
      volumes: sideBySide,
      exceptions: tooEarly,
    },
    {
      name: 'lossy',
      protocol: 'udp',
      faults: { loss: 0.05, duplication: 0.01, reordering: 0.05 },
      expected: ['loss', 'duplication', 'reordering'],
      patienceMs: 30_000,
      // A lost first packet is repeated after a second, the one after that after two more; a few
      // losses in the right places take one handshake in some hundred past its time.
      connectTimeoutFactor: 5,
      handshakesMax: 3,
      volumes: sideBySide,
      exceptions: lostForGood,
    },
    {
      name: 'rough',
      protocol: 'udp',
      faults: { delayMs: 50, jitterMs: 20, loss: 0.05, duplication: 0.01, reordering: 0.05 },
      expected: ['delay', 'jitter', 'loss', 'duplication', 'reordering'],
      patienceMs: 60_000,
      connectTimeoutFactor: 5,
      handshakesMax: 3,
      volumes: { ...sideBySide, bulkBytes: 8 * 1_024 * 1_024 },
      exceptions: { ...tooEarly, ...lostForGood },
    },
    {
      name: 'leaky',
      protocol: 'udp',
      faults: { loss: 0.2 },
      expected: ['loss'],
      patienceMs: 60_000,
      // One handshake in three misses a packet, and each repetition comes after twice the time.
      limits: { connectTimeoutMs: 30_000, idleTimeoutMs: 30_000 },
      connectTimeoutFactor: 20,
      handshakesMax: 10,
      volumes: { ...sideBySide, bulkBytes: 8 * 1_024 * 1_024 },
      exceptions: lostForGood,
    },
    {
      name: 'corrupting',
      protocol: 'udp',
      faults: { corruption: 0.01, corruptionBits: 3 },
      expected: ['corruption'],
      patienceMs: 30_000,
      connectTimeoutFactor: 5,
      handshakesMax: 3,
      volumes: sideBySide,
      exceptions: lostForGood,
    },
  ],
  h2: [
    {
      name: 'far',
      protocol: 'tcp',
      faults: { delayMs: 50, jitterMs: 20 },
      resetsAtEnd: true,
      expected: ['delay', 'jitter', 'reset'],
      patienceMs: 30_000,
      volumes: sideBySide,
    },
    {
      name: 'stalling',
      protocol: 'tcp',
      faults: { stallShare: 0.02, stallTimeMs: 100 },
      resetsAtEnd: true,
      expected: ['stall', 'reset'],
      patienceMs: 30_000,
      volumes: sideBySide,
    },
  ],
}
