import { NodosumError } from '@nodosum/kernel'
import { described } from '@nodosum/kernel/options'
import { filterTagsMax, keyBytesMax, tagBytesMax, utf8Bytes } from '../wire/envelope.ts'

/** What somebody passed that looks like a rule. */
export interface RuleLike {
  readonly kind: unknown
  readonly key?: unknown
  readonly tags?: unknown
  readonly canary?: unknown
}

export function isRuleLike(to: unknown): to is RuleLike {
  return typeof to === 'object' && to !== null && 'kind' in to
}

/** @throws `CONFIG_INVALID` for what is wrong with a rule */
export function checkRule(call: string, { kind, key, tags, canary }: RuleLike): void {
  if (kind !== 'any' && kind !== 'nearest' && kind !== 'owner') {
    throw invalid(`${call}: to.kind takes 'any', 'nearest' or 'owner'`)
  }
  if (kind === 'owner') checkKey(call, 'the key of ownerOf', key)
  if (tags !== undefined) checkTags(call, 'tags', tags)
  if (canary === undefined) return
  if (typeof canary !== 'object' || canary === null) {
    throw invalid(`${call}: canary takes { tags, share, key }, not ${described(canary)}`)
  }
  const { tags: canaryTags, share, key: canaryKey, ...rest } = canary as Record<string, unknown>
  const [other] = Object.keys(rest)
  if (other !== undefined) {
    throw invalid(`${call}: canary takes { tags, share, key } and has no '${other}'`)
  }
  checkTags(call, 'canary.tags', canaryTags)
  if (Object.keys(canaryTags as object).length === 0) {
    throw invalid(`${call}: canary.tags is empty, so that every member would be the canary`)
  }
  if (typeof share !== 'number' || !(share >= 0 && share <= 1)) {
    throw invalid(`${call}: canary.share takes a number from 0 to 1, not ${described(share)}`)
  }
  if (canaryKey !== undefined) checkKey(call, 'canary.key', canaryKey)
}

function checkKey(call: string, what: string, key: unknown): void {
  if (typeof key === 'string' && utf8Bytes(key) <= keyBytesMax) return
  const got = typeof key === 'string' ? `${utf8Bytes(key)} bytes` : described(key)
  throw invalid(`${call}: ${what} has to be a string of at most ${keyBytesMax} bytes, not ${got}`)
}

function checkTags(call: string, where: string, tags: unknown): void {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) {
    const example = "an object such as { zone: 'a' }"
    throw invalid(`${call}: ${where} takes ${example}, not ${described(tags)}`)
  }
  const entries = Object.entries(tags)
  if (entries.length > filterTagsMax) {
    throw invalid(
      `${call}: ${where} has ${entries.length} tags, over the limit of ${filterTagsMax}`,
    )
  }
  for (const [name, value] of entries) {
    if (typeof value !== 'string') {
      throw invalid(`${call}: ${where}.${name} takes a string, not ${described(value)}`)
    }
    if (utf8Bytes(name) > tagBytesMax || utf8Bytes(value) > tagBytesMax) {
      throw invalid(`${call}: ${where} has a tag over the limit of ${tagBytesMax} bytes`)
    }
  }
}

function invalid(message: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
}
