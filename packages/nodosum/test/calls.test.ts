import { describe, expect, it } from 'vitest'
import {
  anyNode,
  isNodosumError,
  type Node,
  type NodeOptions,
  nodeOptions,
  ownerOf,
} from '../src/index.ts'
import { startDevelopment } from './start-nodes.ts'

/** What JavaScript can pass where TypeScript would complain. */
const any = (value: unknown): never => value as never

async function answerOf(call: () => unknown): Promise<string> {
  try {
    return `gave ${await call()}`
  } catch (error) {
    return isNodosumError(error, 'ERR_NODOSUM_CONFIG_INVALID') ? error.message : `raw ${error}`
  }
}

describe('a wrong call of a node is refused, with what was meant', () => {
  const calls: readonly [string, (node: Node) => unknown, string][] = [
    [
      'on(membr)',
      (node) => node.on(any('membr'), () => {}),
      `node.on(event, listener) takes 'member' or 'undelivered', not "membr"; did you mean 'member'?`,
    ],
    [
      'on(member, 5)',
      (node) => node.on('member', any(5)),
      'node.on(event, listener) takes a function',
    ],
    [
      'on(undelivered)',
      (node) => node.on('undelivered', any(undefined)),
      'node.on(event, listener) takes a function',
    ],
    [
      'changes({ sinal })',
      (node) => node.changes(any({ sinal: 1 })),
      `node.changes(options) has no option 'sinal'; did you mean 'signal'`,
    ],
    [
      'changes({ signal: 5 })',
      (node) => node.changes(any({ signal: 5 })),
      'node.changes(options) signal takes an AbortSignal',
    ],
    [
      'drain({ deadline })',
      (node) => node.drain(any({ deadline: 5 })),
      `node.drain(options) has no option 'deadline'; did you mean 'deadlineMs', a number of milliseconds from 0`,
    ],
    ['drain({ deadlineMs: -1 })', (node) => node.drain({ deadlineMs: -1 }), 'not -1'],
    [
      'request({ timeout })',
      (node) => node.application('work').request(anyNode(), 1, any({ timeout: 5 })),
      `did you mean 'timeoutMs'`,
    ],
    [
      'request(anyNode)',
      (node) => node.application('work').request(any(anyNode), 1),
      'call it, anyNode()',
    ],
    [
      'send(ownerOf)',
      (node) => node.application('work').send(any(ownerOf), 1),
      "call it, ownerOf('key')",
    ],
    [
      'send(member)',
      (node) => node.application('work').send(any(node.members()[0]), 1),
      'to is a member: pass its nodeId',
    ],
    ['send(node)', (node) => node.application('work').send(any(node), 1), 'pass the id'],
    [
      'application()',
      (node) => node.application(any(undefined)),
      'application: nothing was given; an application id must be',
    ],
  ]

  it('and the node goes on', async () => {
    const [node] = (await startDevelopment('a')) as [Node]
    for (const [what, call, expected] of calls) {
      expect([what, await answerOf(() => call(node))]).toEqual([
        what,
        expect.stringContaining(expected),
      ])
    }
    expect(node.health().checks.map(({ name, status }) => [name, status])).not.toContainEqual([
      expect.anything(),
      'draining',
    ])
    expect((await node.drain({ deadlineMs: 0 })).complete).toBe(true)
  })
})

describe('ownerOf', () => {
  it.each([undefined, 5, null, {}])('takes no %o', (key) => {
    expect(() => ownerOf(any(key))).toThrow(/^ownerOf\(key\) takes a string, such as/)
  })
})

describe('an option that is undefined', () => {
  it('counts as not given', () => {
    const options: NodeOptions = { cluster: 'test', join: undefined, layers: undefined }
    expect(nodeOptions.parse(options)).toEqual(nodeOptions.parse({ cluster: 'test' }))
  })
})
