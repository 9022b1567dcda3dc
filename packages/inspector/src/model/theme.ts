import { effect, signal } from '@preact/signals'

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const KEY = 'codesdkd.theme'
export const theme = signal<Theme>(themes.find((one) => one === localStorage.getItem(KEY)) ?? 'system')

effect(() => {
  localStorage.setItem(KEY, theme.value)
  document.documentElement.dataset['theme'] = theme.value
})
