import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as daemonSteps from './daemon-steps.ts'
import * as decisionSteps from './decision-steps.ts'
import { createModel, type Model } from './model.ts'
import { expectKept, expectSame } from './oracle.ts'
import * as raceSteps from './race-steps.ts'
import * as sessionSteps from './session-steps.ts'
import { there, type Act, type Step } from './step.ts'
import * as taskSteps from './task-steps.ts'
import { World } from './world.ts'

const runs = Number(process.env['MODEL_RUNS'] ?? 10)
const seed = process.env['MODEL_SEED'] === undefined ? Date.now() & 0x7fffffff : Number(process.env['MODEL_SEED'])
const path = process.env['MODEL_PATH']
/** Commands of one history at most. */
const length = Number(process.env['MODEL_LENGTH'] ?? 60)

/** Tells every step as it is done. */
const trace = process.env['MODEL_TRACE'] !== undefined

/** How often each thing is done, against the others. */
const steps: readonly (readonly [number, Step])[] = [
  [3, sessionSteps.createSession],
  [2, sessionSteps.archive],
  [1, sessionSteps.remove],
  [2, sessionSteps.forkSession],
  [8, taskSteps.startTask],
  [2, taskSteps.startAgain],
  [6, taskSteps.say],
  [8, taskSteps.askLeave],
  [3, taskSteps.finishCall],
  [3, taskSteps.askWord],
  [4, taskSteps.endTurn],
  [3, taskSteps.stop],
  [4, decisionSteps.approve],
  [2, decisionSteps.deny],
  [2, decisionSteps.approveAgain],
  [2, decisionSteps.denyAgain],
  [3, decisionSteps.decideWrongly],
  [4, decisionSteps.answerQuestion],
  [1, daemonSteps.kill],
  [1, daemonSteps.restart],
  [4, daemonSteps.resume],
  [2, raceSteps.approveAndDeny],
  [2, raceSteps.approveAndStop],
  [1, raceSteps.approveAndKill],
  [1, raceSteps.startAndKill],
  [1, raceSteps.sayAndKill],
  [2, raceSteps.startTwice],
]

/** A step as fast-check wants it. It says what it did in the history in which it was run last. */
class Command implements fc.AsyncCommand<Model, World> {
  readonly #step: Step
  readonly #dice: readonly number[]
  #words = 'nothing'

  constructor(step: Step, dice: readonly number[]) {
    this.#step = step
    this.#dice = dice
  }

  check = (model: Readonly<Model>): boolean => this.#plan(model) !== null

  async run(model: Model, world: World): Promise<void> {
    const act = this.#plan(model)
    if (act === null) throw new Error('there is nothing to do')
    this.#words = act.words
    done.push(act.words)
    if (trace) tell(act.words)
    await expectSame(model, world, await act.run(world))
  }

  toString = (): string => this.#words

  #plan(model: Model): Act | null {
    return this.#step(model, this.#dice)
  }
}

/** What was done in the history that runs. */
let done: string[] = []

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterAll(() => world[Symbol.asyncDispose]())

test('whatever is done to a daemon, in whatever order, it answers as the model says', { timeout: 24 * 3_600_000 }, async () => {
  const dice = fc.array(fc.nat({ max: 999 }), { minLength: 3, maxLength: 3 })
  const commands = fc.commands(
    steps.flatMap(([weight, step]) => Array.from({ length: weight }, () => dice.map((thrown) => new Command(step, thrown)))),
    { maxCommands: length, size: 'max' },
  )
  let run = 0
  let all = 0
  let failing: readonly string[] = []
  const property = fc.asyncProperty(commands, async (history) => {
    run += 1
    done = []
    world.begin(run)
    const model = createModel()
    try {
      // With nothing there, most of what could be done would come to nothing.
      for (const step of [sessionSteps.createSession, taskSteps.startTask]) await new Command(step, [0, 0, 0]).run(model, world)
      await fc.asyncModelRun(() => ({ model, real: world }), history)
      await expectKept(model, world)
      all += done.length
    } catch (error) {
      // The last one that fails is the shortest.
      failing = done
      if (trace) tell(String(error))
      throw error
    } finally {
      await sweep(model)
    }
  })
  const parameters = { numRuns: runs, seed, ...(path === undefined ? {} : { path }) }
  const { failed, counterexamplePath, errorInstance, numShrinks } = await fc.check(property, parameters)
  tell(`model: ${run} histories, ${all} commands, seed ${seed}`)
  if (!failed) return
  const again = `npm run model -- --seed ${seed} --path ${counterexamplePath ?? ''} --length ${length}`
  const story = failing.map((words, index) => `  ${index + 1}. ${words}`).join('\n')
  throw new Error(`The daemon and its model differ after this (shrunk ${numShrinks} times; again: ${again}):\n${story}`, {
    cause: errorInstance,
  })
})

/** Nothing of a run is left in the way of the next, however it ended: neither open tasks nor a daemon that is down. */
async function sweep(model: Model): Promise<void> {
  if (
    !(await world.client.get('/livez').then(
      ({ status }) => status === 200,
      () => false,
    ))
  )
    await world.start()
  for (const session of there(model)) await world.client.request('DELETE', world.path(session, '?stop=true'))
  expect((await world.client.get('/approvals')).body.approvals).toEqual([])
}
