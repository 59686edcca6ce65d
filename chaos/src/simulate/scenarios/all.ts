import type { Scenario } from '../step.ts'
import * as crashes from './crashes.ts'
import * as formation from './formation.ts'
import * as networks from './networks.ts'
import * as news from './news.ts'
import * as slow from './slow.ts'
import * as strangers from './strangers.ts'
import { swarm } from './swarm.ts'

/** Every scenario by its name, in the order in which they are listed. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [
    ...Object.values(formation),
    ...Object.values(crashes),
    ...Object.values(networks),
    ...Object.values(slow),
    ...Object.values(news),
    ...Object.values(strangers),
    swarm,
  ].map((scenario) => [scenario.name, scenario]),
)
