import { useSignal } from '@preact/signals'
import { locked } from '../model/client.ts'
import { setToken } from '../model/token.ts'

/** Asks for the token of a daemon that wants one. */
export function TokenView() {
  const given = useSignal('')
  return (
    <main class="page">
      <h1>codesdkd</h1>
      <form
        class="token"
        onSubmit={(event) => {
          event.preventDefault()
          setToken(given.value.trim())
          locked.value = false
        }}
      >
        <label>
          This daemon asks for a token
          <input
            type="password"
            autocomplete="off"
            required
            value={given.value}
            onInput={({ currentTarget }) => (given.value = currentTarget.value)}
          />
        </label>
        <button type="submit" class="approve">
          Go on
        </button>
        <p>This tab keeps it until it is closed.</p>
      </form>
    </main>
  )
}
