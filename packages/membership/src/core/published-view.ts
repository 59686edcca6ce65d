import type { MembershipView } from './effects.ts'
import { isGone, type Member } from './member.ts'
import type { NodeState } from './node-state.ts'

/** A published view; its list is made when it is read, for few are. */
export class PublishedView implements MembershipView {
  readonly number: number
  readonly size: number
  readonly #state: NodeState
  #members: readonly Member[] | null = null

  constructor(number: number, state: NodeState) {
    this.number = number
    this.#state = state
    const held = state.table.present.some(({ heldUntilMs }) => heldUntilMs > 0)
    this.size = held ? this.members.length : state.table.size
  }

  get members(): readonly Member[] {
    if (this.#members === null) {
      const members = [this.#state.self.member]
      for (const entry of this.#state.table.present) {
        if (!isGone(entry.shownState)) members.push(entry.member)
      }
      this.#members = members
    }
    return this.#members
  }
}
