import type { Node } from '../api.ts'

/** What keeps the views of these nodes from being the same, in words. */
export function disagreements(
  nodes: readonly Node[],
  reach: (a: string, b: string) => boolean,
): readonly string[] {
  return nodes.flatMap((node) => {
    const seen = new Map(node.members().map((member) => [member.nodeId, member]))
    const missing = nodes
      .filter(({ id }) => reach(node.id, id))
      .flatMap((other) => {
        const member = seen.get(other.id)
        const [itself] = other.members()
        if (member === undefined) return `${node.id} does not see ${other.id}`
        if (itself === undefined || itself.state !== 'alive') return []
        if (member.state !== 'alive') return `${node.id} sees ${other.id} as ${member.state}`
        if (member.bootId !== other.bootId) return `${node.id} sees an earlier ${other.id}`
        const [theirs, known] = [itself, member].map(({ applications }) => applications.join(', '))
        if (theirs === known) return []
        return `${node.id} knows of ${other.id} that it runs ${known}; it runs ${theirs}`
      })
    const running = new Set(nodes.filter(({ id }) => reach(node.id, id)).map(({ id }) => id))
    const tooMany = [...seen.values()]
      .filter(({ nodeId, state }) => !running.has(nodeId) && state !== 'failed' && state !== 'left')
      .map(({ nodeId, state }) => `${node.id} sees ${nodeId} as ${state}, which is not there`)
    return [...missing, ...tooMany]
  })
}
