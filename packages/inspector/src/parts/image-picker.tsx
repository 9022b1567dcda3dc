import { signal, type Signal } from '@preact/signals'
import { readImages, type PromptImage } from '../model/images.ts'

export interface Pictures {
  readonly chosen: Signal<readonly PromptImage[]>
  readonly add: (files: Iterable<File>) => Promise<void>
}

export function createPictures(): Pictures {
  const chosen = signal<readonly PromptImage[]>([])
  return { chosen, add: async (files) => void (chosen.value = [...chosen.value, ...(await readImages(files))]) }
}

/** Chooses pictures that go with a prompt, and shows those that do. */
export function ImagePicker({ pictures: { chosen, add } }: { readonly pictures: Pictures }) {
  return (
    <div class="pictures">
      <label class="button">
        Add images
        <input
          type="file"
          accept="image/*"
          multiple
          class="hidden"
          onChange={({ currentTarget }) => {
            void add(currentTarget.files ?? [])
            currentTarget.value = ''
          }}
        />
      </label>
      {chosen.value.map((image) => (
        <span class="picture" key={image.data}>
          <img src={`data:${image.mediaType};base64,${image.data}`} alt={image.name} />
          <button
            type="button"
            class="plain"
            aria-label={`Remove ${image.name}`}
            onClick={() => (chosen.value = chosen.value.filter((one) => one !== image))}
          >
            ✕
          </button>
        </span>
      ))}
    </div>
  )
}
