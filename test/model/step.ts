import { expect } from 'vitest'
import type { Answer } from '../harness/client.ts'
import type { Model, ModelCall, ModelQuestion, ModelSession, ModelTask } from './model.ts'
import type { World } from './world.ts'

/** One thing that is done to the daemon, decided on: it changes the model, does it, and compares the answers. */
export interface Act {
  /** Plainly what it does. */
  readonly words: string
  /** Resolves to the sessions that may have changed. */
  run(world: World): Promise<readonly ModelSession[]>
}

/** Finds something to do in the model as it is; null where there is nothing to do it to. The dice choose. */
export type Step = (model: Model, dice: readonly number[]) => Act | null

export interface CallPlace {
  readonly session: ModelSession
  readonly task: ModelTask
  readonly call: ModelCall
}

export interface QuestionPlace {
  readonly session: ModelSession
  readonly task: ModelTask
  readonly question: ModelQuestion
}

export function pick<T>(all: readonly T[], die: number | undefined): T | undefined {
  return all[(die ?? 0) % Math.max(1, all.length)]
}

export const there = (model: Model): readonly ModelSession[] => model.sessions.filter(({ deleted }) => !deleted)

export function tasksOf(
  model: Model,
  fits: (task: ModelTask) => boolean,
): readonly { readonly session: ModelSession; readonly task: ModelTask }[] {
  return there(model).flatMap((session) => session.tasks.filter(fits).map((task) => ({ session, task })))
}

export function callsOf(model: Model, fits: (call: ModelCall, task: ModelTask) => boolean): readonly CallPlace[] {
  return tasksOf(model, () => true).flatMap(({ session, task }) =>
    task.calls.filter((call) => fits(call, task)).map((call) => ({ session, task, call })),
  )
}

export function questionsOf(model: Model, fits: (question: ModelQuestion) => boolean): readonly QuestionPlace[] {
  return tasksOf(model, () => true).flatMap(({ session, task }) =>
    task.questions.filter(fits).map((question) => ({ session, task, question })),
  )
}

/** That an answer is the one the model expects: a status, and a code or members of the body. */
export function expectAnswer(answer: Answer, status: number, body: string | Readonly<Record<string, unknown>> = {}): void {
  expect({ status: answer.status, body: answer.body ?? {} }).toMatchObject({
    status,
    body: typeof body === 'string' ? { error: body } : body,
  })
}
