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

/** Whether it shows what reaches down to there. */
function isNear({ scrollTop, clientHeight }: Element, end: number): boolean {
  return scrollTop + clientHeight >= end - NEAR
}

/** A list of which only what is in view is in the page: as fast with a hundred thousand items as with ten. */
export function VirtualList<T>({ items, keyOf, children, estimate, label, follow = false, focused }: VirtualListProps<T>) {
  const scroller = useRef<HTMLDivElement>(null)
  const atEnd = useRef(follow)
  /** As it was left, in pixels: it is somebody else who has scrolled when it is found elsewhere. */
  const left = useRef({ top: 0, height: 0 })
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
    scrollToFn(to: number, how: ScrollToOptions, by: Virtualizer<HTMLDivElement, HTMLElement>) {
      elementScroll(to, how, by)
      if (scroller.current !== null) left.current.top = scroller.current.scrollTop
    },
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
    if (element === null) return
    // The browser tells of that with its next frame only, which may be after this drawing.
    if (Math.abs(element.scrollTop - left.current.top) > 1)
      atEnd.current = isNear(element, Math.min(left.current.height, element.scrollHeight))
    if (follow && atEnd.current) element.scrollTop = element.scrollHeight
    left.current = { top: element.scrollTop, height: element.scrollHeight }
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
      onScroll={({ currentTarget }) => {
        atEnd.current = isNear(currentTarget, currentTarget.scrollHeight)
        left.current.top = currentTarget.scrollTop
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
