import { signal } from '@preact/signals'

const KEY = 'codesdkd.shortcuts'

/** Whether single keys do something: whoever speaks to the machine, or misses keys, can switch that off. */
export const shortcutsOn = signal(localStorage.getItem(KEY) !== 'off')

export function switchShortcuts(on: boolean): void {
  localStorage.setItem(KEY, on ? 'on' : 'off')
  shortcutsOn.value = on
}

/** Runs what stands under a key until it is disposed of. Keys that are typed somewhere, or go with others, are not meant. */
export function onKeys(actions: Readonly<Record<string, () => void>>): () => void {
  const listener = (event: KeyboardEvent) => {
    const action = actions[event.key]
    if (action === undefined || !shortcutsOn.value || event.ctrlKey || event.metaKey || event.altKey || isTyped(event.target)) return
    event.preventDefault()
    action()
  }
  addEventListener('keydown', listener)
  return () => removeEventListener('keydown', listener)
}

function isTyped(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName) || target.closest('dialog') !== null
}
