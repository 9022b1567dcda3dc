import { elementScroll, measureElement, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useReducer, useRef } from 'preact/hooks'

interface VirtualListProps<T> {
  readonly items: readonly T[]
  readonly keyOf: (item: T) => string
  readonly children: (item: T) => ComponentChildren
  /** Of an item that was not measured yet, in pixels. */
  readonly estimate: number
  readonly label: string
  /** Shows the end as the list grows, as long as nobody has scrolled away from there. */
  readonly follow?: boolean
  /** The item to bring into view when it changes. */
  readonly focused?: number | undefined
}

/** From the end, in pixels, what still counts as being there. */
const NEAR = 40

/** A list of which only what is in view is in the page: as fast with a hundred thousand items as with ten. */
export function VirtualList<T>({ items, keyOf, children, estimate, label, follow = false, focused }: VirtualListProps<T>) {
  const scroller = useRef<HTMLDivElement>(null)
  const atEnd = useRef(follow)
  const [, redraw] = useReducer((count: number) => count + 1, 0)
  const held = useRef<Virtualizer<HTMLDivElement, HTMLElement>>(undefined)
  const options = {
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => estimate,
    getItemKey(index: number) {
      const item = items[index]
      return item === undefined ? index : keyOf(item)
    },
    overscan: 6,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    measureElement,
    onChange: () => redraw(undefined),
  }
  held.current ??= new Virtualizer<HTMLDivElement, HTMLElement>(options)
  const virtual = held.current
  virtual.setOptions(options)

  useLayoutEffect(() => virtual._didMount(), [])
  useLayoutEffect(() => {
    virtual._willUpdate()
    const element = scroller.current
    if (element !== null && follow && atEnd.current) element.scrollTop = element.scrollHeight
  })
  useLayoutEffect(() => {
    if (focused !== undefined) virtual.scrollToIndex(focused)
  }, [focused])

  return (
    <div
      class="scroller"
      ref={scroller}
      tabIndex={0}
      role="region"
      aria-label={label}
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        atEnd.current = scrollTop + clientHeight >= scrollHeight - NEAR
      }}
    >
      <ol class="virtual" style={{ height: `${virtual.getTotalSize()}px` }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const item = items[index]
          return item === undefined ? null : (
            <li
              key={key}
              data-index={index}
              aria-setsize={items.length}
              aria-posinset={index + 1}
              ref={(element) => virtual.measureElement(element)}
              style={{ transform: `translateY(${start}px)` }}
            >
              {children(item)}
            </li>
          )
        })}
      </ol>
    </div>
  )
}
