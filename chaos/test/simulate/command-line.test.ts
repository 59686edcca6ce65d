import { describe, expect, it } from 'vitest'
import { parseCommandLine, UsageError } from '../../src/simulate/command-line.ts'

describe('the command line of simulate', () => {
  it('takes a scenario with its own number of nodes and seed 1', () => {
    expect(parseCommandLine(['--scenario', 'crash'])).toMatchObject({
      kind: 'run',
      scenario: { name: 'crash' },
      nodes: 1_000,
      seeds: { first: 1, last: 1 },
      keep: null,
      repeat: 1,
      json: false,
    })
  })

  it('takes nodes, a range of seeds, and what to keep', () => {
    const args = ['--scenario=swarm', '--nodes=5', '--seeds=3..9', '--keep=0,12', '--json']
    expect(parseCommandLine(args)).toMatchObject({
      nodes: 5,
      seeds: { first: 3, last: 9 },
      keep: [0, 12],
      json: true,
    })
    expect(parseCommandLine(['--scenario=swarm', '--keep=none'])).toMatchObject({ keep: [] })
  })

  it('takes the gates of all scenarios or of one, with one seed', () => {
    const all = { kind: 'gates', seed: 1, nodesMax: 5_000, scenario: null, json: false }
    expect(parseCommandLine(['--gates'])).toEqual(all)
    const args = ['--gates', '--scenario=crash', '--seed=4', '--brief', '--json']
    const one = { kind: 'gates', seed: 4, nodesMax: 60, scenario: 'crash', json: true }
    expect(parseCommandLine(args)).toEqual(one)
  })

  it.each([
    [['--gates', '--scenario=crsh'], "did you mean 'crash'?"],
    [['--gates', '--scenario=latency'], 'no gate is measured in'],
    [['--gates', '--seeds=1..3'], '--gates does not take --seeds'],
    [['--gates', '--nodes=5'], '--gates does not take --nodes'],
    [['--scenario', 'bootstrp'], "did you mean 'bootstrap'?"],
    [['--scenario', 'qqqqqq'], '--list names them'],
    [[], '--list names them'],
    [['--scenario=swarm', '--nodes=1'], '--nodes takes a whole number from 3'],
    [['--scenario=swarm', '--nodes=5001'], 'to 5000'],
    [['--scenario=swarm', '--nodes=1e3'], "not '1e3'"],
    [['--scenario=swarm', '--seeds=9..3'], '--seeds takes a whole number from 9'],
    [['--scenario=swarm', '--seeds=9'], 'a range such as 1..100'],
    [['--scenario=swarm', '--seed=1', '--seeds=1..2'], 'exclude each other'],
    [['--scenario=swarm', '--keep=a'], '--keep'],
    [['--scenario=swarm', '--sed=1'], '--help'],
  ])('refuses %j and says what to do', (args, hint) => {
    expect(() => parseCommandLine(args)).toThrow(UsageError)
    expect(() => parseCommandLine(args)).toThrow(hint)
  })
})
