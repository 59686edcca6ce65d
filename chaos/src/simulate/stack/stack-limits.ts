import type { Random } from '@nodosum/kernel'
import type { NetworkQuality, TestNodeOptions } from 'nodosum/testing'
import type { StackScenario } from './stack-scenarios.ts'

/** After so long every breaker lets a request try again. */
export const breakerPauseMs = 500

/** Limits of one run. */
export interface StackLimits {
  readonly isAmple: boolean
  readonly handlersMax: number
  readonly waitingSendsMax: number
  /** How long a session is kept whose peer membership calls failed. */
  readonly retentionMs: number
  readonly options: TestNodeOptions
}

const ample = { handlersMax: 256, waitingSendsMax: 1_024, requestQueueMax: 1_024 }

/** The limits of a scenario; one that draws has small ones in half of its seeds. */
export function drawLimits(scenario: StackScenario, random: Random): StackLimits {
  const isAmple = scenario.draws ? random.integer(0, 1) === 0 : scenario.limits === 'ample'
  const retentionMs = scenario.draws && random.integer(0, 2) === 0 ? 1_000 : 60_000
  const laneIdleMs = scenario.draws && random.integer(0, 2) === 0 ? 100 : 60_000
  const small = {
    handlersMax: random.integer(2, 6),
    waitingSendsMax: random.integer(4, 24),
    requestQueueMax: random.integer(0, 8),
    inFlightMax: random.integer(4, 40),
    pendingRequestsMax: random.integer(6, 40),
    streamsMax: random.integer(2, 8),
    streamWindowItems: random.integer(1, 8),
  }
  const streams = {
    retentionMs,
    laneIdleMs,
    redialMaxMs: 500,
    ...(isAmple ? {} : { laneBufferBytesMax: 131_072, laneWindowBytes: 65_536 }),
  }
  const { handlersMax, ...rest } = isAmple ? ample : small
  const messaging = { ...rest, breakerPauseMs, handlerConcurrencyMax: handlersMax }
  const options = { layers: { messaging, streams } }
  return { isAmple, handlersMax, waitingSendsMax: rest.waitingSendsMax, retentionMs, options }
}

export function qualityOf(isUnkind: boolean, random: Random): NetworkQuality {
  if (!isUnkind) return {}
  return {
    delayMs: random.integer(1, 20),
    jitterMs: random.integer(0, 30),
    loss: random.float() * 0.08,
    duplication: random.float() * 0.1,
    reordering: random.float() * 0.2,
  }
}
