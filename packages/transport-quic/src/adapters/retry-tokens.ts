import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { RetryGrant, RetryTokens } from '../ports.ts'

/** How long a token is good for: a dialer answers a Retry at once. */
export const retryTokenLifetimeMs = 10_000

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const expiryBytes = 8

interface Key {
  readonly period: number
  readonly secret: Buffer
}

/**
 * Tokens of AES-256-GCM: expiry and original id sealed, address and retry id bound to them. The key
 * is random, of this process only, and replaced every 10 s; the one before still opens.
 */
export function createRetryTokens(): RetryTokens {
  return new SealedRetryTokens()
}

class SealedRetryTokens implements RetryTokens {
  #keys: readonly Key[] = []

  issue(grant: RetryGrant & { readonly originalId: Uint8Array }, nowMs: number): Uint8Array {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#currentKey(nowMs), nonce)
    cipher.setAAD(bindingOf(grant))
    const expiry = Buffer.alloc(expiryBytes)
    expiry.writeDoubleBE(nowMs + retryTokenLifetimeMs)
    const sealed = [cipher.update(expiry), cipher.update(grant.originalId), cipher.final()]
    return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()])
  }

  check(token: Uint8Array, grant: RetryGrant, nowMs: number): Uint8Array | undefined {
    if (token.length < nonceBytes + expiryBytes + tagBytes) return undefined
    this.#currentKey(nowMs)
    for (const { secret } of this.#keys) {
      const content = open(token, secret, bindingOf(grant))
      if (content === undefined) continue
      return content.readDoubleBE(0) > nowMs ? content.subarray(expiryBytes) : undefined
    }
    return undefined
  }

  #currentKey(nowMs: number): Buffer {
    const period = Math.floor(nowMs / retryTokenLifetimeMs)
    const [current, before] = this.#keys
    if (current?.period === period) return current.secret
    const fresh: Key = { period, secret: randomBytes(keyBytes) }
    const previous = [current, before].filter((key) => key?.period === period - 1)
    this.#keys = [fresh, ...previous.filter((key) => key !== undefined)]
    return fresh.secret
  }
}

function open(token: Uint8Array, secret: Buffer, binding: Buffer): Buffer | undefined {
  const end = token.length - tagBytes
  const options = { authTagLength: tagBytes }
  const nonce = token.subarray(0, nonceBytes)
  const decipher = createDecipheriv('aes-256-gcm', secret, nonce, options)
  decipher.setAAD(binding)
  decipher.setAuthTag(token.subarray(end))
  const content = decipher.update(token.subarray(nonceBytes, end))
  try {
    decipher.final()
    return content
  } catch {
    return undefined
  }
}

function bindingOf({ from, retryId }: RetryGrant): Buffer {
  return Buffer.concat([retryId, Buffer.from(`${from.host} ${from.port}`, 'latin1')])
}
