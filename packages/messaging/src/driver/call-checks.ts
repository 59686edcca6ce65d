import { NodosumError, parseNodeId } from '@nodosum/kernel'
import {
  type CallOption,
  type CallOptions,
  callChoice,
  callDuration,
  callFlag,
  callSignal,
  checkCallOptions,
  described,
} from '@nodosum/kernel/options'
import { headerNameBytesMax, headersMax, headerValueBytesMax, utf8Bytes } from '../wire/envelope.ts'
import type { BroadcastOptions, LaneOptions, RequestOptions, SendOptions } from './call-options.ts'
import { checkRule, isRuleLike } from './rule-checks.ts'

const calls = {
  send: 'send(to, payload, options)',
  request: 'request(to, payload, options)',
  broadcast: 'broadcast(payload, options)',
  lane: 'lane(name, options)',
} as const

const attemptsMost = 100

const callAttempts: CallOption = {
  takes: `a whole number from 1 to ${attemptsMost}`,
  accepts: (value) => Number.isInteger(value) && isWithin(value as number, 1, attemptsMost),
}

const headerName = /^[A-Za-z0-9._-]+$/

const callHeaders: CallOption = {
  takes:
    `an object of at most ${headersMax} texts, with names of 1 to ${headerNameBytesMax} characters ` +
    `of A-Z a-z 0-9 . _ - and values of at most ${headerValueBytesMax} bytes`,
  accepts: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    const entries = Object.entries(value)
    return entries.length <= headersMax && entries.every(isHeader)
  },
}

function isHeader([name, value]: [string, unknown]): boolean {
  if (!headerName.test(name) || name.length > headerNameBytesMax) return false
  return typeof value === 'string' && utf8Bytes(value) <= headerValueBytesMax
}

function isWithin(value: number, min: number, max: number): boolean {
  return value >= min && value <= max
}

const sendKnown: CallOptions = new Map([
  ['confirm', callChoice('accepted', 'received', 'handled')],
  ['timeoutMs', callDuration(1)],
  ['signal', callSignal],
  ['headers', callHeaders],
])
const broadcastKnown: CallOptions = new Map([...sendKnown, ['includeSelf', callFlag]])
const laneKnown: CallOptions = new Map([['class', callChoice('interactive', 'bulk', 'scheduled')]])
const requestKnown: CallOptions = new Map([
  ['timeoutMs', callDuration(1)],
  ['signal', callSignal],
  ['idempotent', callFlag],
  ['attemptsMax', callAttempts],
  ['headers', callHeaders],
])

/** Checked as a target later. */
const callTarget: CallOption = { takes: 'a target', accepts: () => true }
const callText: CallOption = { takes: 'a string', accepts: (value) => typeof value === 'string' }

/** @throws `CONFIG_INVALID` for a target or an option that is wrong */
export function checkSend(to: unknown, options: SendOptions | undefined): void {
  if (options !== undefined) checkCallOptions(calls.send, options, sendKnown)
  checkTarget(calls.send, to)
}

/** @throws `CONFIG_INVALID` for a target or an option that is wrong */
export function checkRequest(to: unknown, options: RequestOptions | undefined): void {
  if (options !== undefined) checkCallOptions(calls.request, options, requestKnown)
  checkTarget(calls.request, to)
}

/** @throws `CONFIG_INVALID` for an option that is wrong */
export function checkBroadcast(options: BroadcastOptions | undefined): void {
  if (options !== undefined) checkCallOptions(calls.broadcast, options, broadcastKnown)
}

type ContractCallName = 'request' | 'send' | 'broadcast' | 'stream'

interface ContractCall {
  readonly call: string
  readonly kind: 'request' | 'message' | 'streaming'
  readonly known: CallOptions
}

const askKnown: CallOptions = new Map([
  ['timeoutMs', callDuration(1)],
  ['signal', callSignal],
  ['to', callTarget],
])
const typedRequestKnown: CallOptions = new Map([
  ...askKnown,
  ['attemptsMax', callAttempts],
  ['headers', callHeaders],
])
const contractCalls: Readonly<Record<ContractCallName, ContractCall>> = {
  request: {
    call: 'node.request(method, input, options)',
    kind: 'request',
    known: typedRequestKnown,
  },
  send: {
    call: 'node.send(method, payload, options)',
    kind: 'message',
    known: new Map([...sendKnown, ['to', callTarget], ['lane', callText]]),
  },
  broadcast: {
    call: 'node.broadcast(method, payload, options)',
    kind: 'message',
    known: new Map([...broadcastKnown, ['lane', callText]]),
  },
  stream: {
    call: 'node.stream(method, input, options)',
    kind: 'streaming',
    known: new Map([...askKnown, ['headers', callHeaders]]),
  },
}

/** @throws `CONFIG_INVALID` for what is no method of that kind, and an option or target that is wrong */
export function checkContractCall(
  name: ContractCallName,
  method: unknown,
  options: object | undefined,
): void {
  const { call, kind, known } = contractCalls[name]
  const { kind: given, application } = (method ?? {}) as { kind?: unknown; application?: unknown }
  if (typeof application !== 'string') {
    const what = given === undefined ? described(method) : `a definition without a contract`
    throw invalid(`${call} takes a method of a contract, such as shop.reserve, not ${what}`)
  }
  if (given !== kind) {
    const { name: its } = method as { name: string }
    throw invalid(`${call} takes a ${kind}; ${application}.${its} is a ${given}`)
  }
  if (options === undefined) return
  checkCallOptions(call, options, known)
  const { to } = options as { to?: unknown }
  if (to !== undefined) checkTarget(call, to)
}

/** @throws `CONFIG_INVALID` for an option that is wrong */
export function checkLane(options: LaneOptions | undefined): void {
  if (options === undefined) return
  checkCallOptions(calls.lane, options, laneKnown)
}

/** @throws `CONFIG_INVALID` for what is no single node id */
export function checkNode(call: string, to: unknown): void {
  if (typeof to === 'string') parseNodeId(to, 'to')
  else if (Array.isArray(to) || isRuleLike(to)) {
    throw invalid(`${call} takes one node id as to, not ${described(to)}: use send for others`)
  } else throw notATarget(call, 'to', to)
}

function checkTarget(call: string, to: unknown): void {
  // Looked up, and parsed where it is not known yet.
  if (typeof to === 'string') return
  if (Array.isArray(to)) {
    if (to.length === 0) {
      throw invalid(`${call} got an empty list as to: nobody would be asked. Check it before`)
    }
    for (const [index, node] of to.entries()) {
      if (typeof node !== 'string') throw notATarget(call, `to[${index}]`, node)
      parseNodeId(node, `to[${index}]`)
    }
    return
  }
  if (!isRuleLike(to)) throw notATarget(call, 'to', to)
  checkRule(call, to)
}

function notATarget(call: string, where: string, value: unknown): NodosumError {
  return invalid(`${call}: ${where} ${mistake(value)}`)
}

const targets = "a node id, a list of node ids, anyNode(), nearest() or ownerOf('key')"

/** What was probably meant. */
function mistake(value: unknown): string {
  if (typeof value === 'function') {
    const example = value.name === 'ownerOf' ? "ownerOf('key')" : `${value.name || 'it'}()`
    return `is a function: call it, ${example}`
  }
  if (typeof value === 'object' && value !== null) {
    const { nodeId, id } = value as { nodeId?: unknown; id?: unknown }
    if (typeof nodeId === 'string') return 'is a member: pass its nodeId'
    if (typeof id === 'string') return 'is an object with an id: pass the id'
    if (value instanceof Promise) return 'is a Promise: await it first'
  }
  return `is ${described(value)}; it takes ${targets}`
}

function invalid(message: string): NodosumError {
  return new NodosumError('ERR_NODOSUM_CONFIG_INVALID', message)
}
