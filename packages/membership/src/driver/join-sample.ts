import type { Random } from '@nodosum/kernel'
import type { PacketAddress } from '../core/effects.ts'
import { isGone, type Member } from '../core/member.ts'

/** So many addresses are asked at a time, however many discovery finds. */
export const joinSampleMax = 3

/**
 * Whom to ask to join: a few at random, so that a crowd which starts at once does not ask all of a
 * large cluster; who is known already needs no question. Another round asks others.
 */
export function joinSample(
  addresses: readonly PacketAddress[],
  members: readonly Member[],
  random: Pick<Random, 'shuffle'>,
): readonly PacketAddress[] {
  const present = members.filter(({ state }) => !isGone(state))
  const known = new Set(
    present.flatMap((member) => member.addresses.map(({ host, udpPort }) => `${host} ${udpPort}`)),
  )
  const strangers = addresses.filter(({ host, port }) => !known.has(`${host} ${port}`))
  return random.shuffle(strangers).slice(0, joinSampleMax)
}
