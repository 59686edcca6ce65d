import type { IncomingMessage } from 'node:http'
import type { NothingFound } from '../discovery.ts'
import { errorText } from './error-text.ts'
import type { Problem } from './resolve-seeds.ts'

/** An answer with status 200. */
export interface HttpAnswer {
  readonly body: string
  readonly header: (name: string) => string | undefined
}

export interface HttpQuestion {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** PEM texts. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly timeoutMs: number
  readonly bytesMax: number
  /** Whether the process may end while this is under way. */
  readonly isBackground: boolean
}

const wordsMax = 120

/** GET, on a connection of its own. Redirects are never followed: they would take the token along. */
export async function ask(
  question: HttpQuestion,
  signal: AbortSignal,
): Promise<HttpAnswer | Problem> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), question.timeoutMs)
  if (question.isBackground) timer.unref()
  try {
    const response = await head(question, AbortSignal.any([signal, late.signal]))
    const bytesMax = response.statusCode === 200 ? question.bytesMax : wordsMax
    const body = await bodyOf(response, bytesMax)
    if (response.statusCode !== 200) return refusal(response, body ?? '')
    if (body === null) {
      return {
        reason: 'tooLarge',
        text: `its answer has more than ${bytesMax} bytes (answerBytesMax)`,
      }
    }
    return { body, header: (name) => String(response.headers[name] ?? '') || undefined }
  } catch (error) {
    if (late.signal.aborted) {
      return { reason: 'timedOut', text: `no answer within ${question.timeoutMs} ms` }
    }
    return failure(error)
  } finally {
    clearTimeout(timer)
  }
}

async function head(question: HttpQuestion, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, headers, tls, isBackground } = question
  // Loaded when it is used: 5 MiB that whoever has no Consul need not carry.
  const { get } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  return await new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers, signal, ...tls }, resolve)
    if (isBackground) request.on('socket', (socket) => socket.unref())
    request.on('error', reject)
  })
}

/** Null when it is longer; then the connection is given up. */
async function bodyOf(response: IncomingMessage, bytesMax: number): Promise<string | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bytesMax) {
      // Leaving the loop destroys the response and its connection.
      return null
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function refusal({ statusCode = 0, statusMessage }: IncomingMessage, body: string): Problem {
  // What a stranger wrote goes into logs: one line of plain characters.
  const said = `${body || statusMessage || ''}`.replace(/[^\x20-\x7e]+/g, ' ').slice(0, wordsMax)
  const text = `it answered ${statusCode}${said.trim() === '' ? '' : `: ${said.trim()}`}`
  if (statusCode >= 300 && statusCode < 400) {
    return { reason: 'redirected', text: `${text}; redirects are not followed` }
  }
  const reasons: Readonly<Record<number, NothingFound>> = {
    401: 'denied',
    403: 'denied',
    404: 'notFound',
  }
  return { reason: reasons[statusCode] ?? 'failed', text }
}

function failure(error: unknown): Problem {
  const code = String((error as NodeJS.ErrnoException | null)?.code)
  if (/^HPE_/.test(code)) return { reason: 'malformed', text: `its answer is no HTTP (${code})` }
  const isDown = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']
  if (isDown.includes(code)) return { reason: 'unreachable', text: `it cannot be reached: ${code}` }
  if (/CERT|SIGNED|SSL|TLS/.test(code)) {
    return { reason: 'denied', text: `TLS: ${errorText(error)} (${code})` }
  }
  return { reason: 'failed', text: errorText(error) }
}
