type Child = Node | string | false | undefined;
type Props<Tag extends keyof HTMLElementTagNameMap> = Partial<Omit<HTMLElementTagNameMap[Tag], "dataset" | "style" | "attributes">> & {
  /** data-testid: what the tests find it by */
  testid?: string;
  /** other attributes, as they are called in HTML */
  attributes?: Record<string, string>;
};

/** An element with properties and children. Text is always text: nothing here parses HTML. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { testid, attributes, ...properties }: Props<Tag> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    element.setAttribute(name, value);
  }
  if (testid) {
    element.dataset["testid"] = testid;
  }
  element.append(...children.filter((child): child is Node | string => child !== false && child !== undefined));
  return element;
}

/** Assigns only what differs, so that nothing flickers and no focus is lost. */
export function text(element: HTMLElement, value: string): void {
  if (element.textContent !== value) {
    element.textContent = value;
  }
}

/** Makes `parent` show exactly `children`, in that order, touching only those that are out of place. */
export function arrange(parent: HTMLElement, children: Node[]): void {
  for (const old of [...parent.childNodes]) {
    if (!children.includes(old)) {
      old.remove();
    }
  }
  children.forEach((child, index) => {
    if (parent.childNodes[index] !== child) {
      parent.insertBefore(child, parent.childNodes[index] ?? null);
    }
  });
}

/** Shows `element` or takes it from sight and from screen readers. */
export function show(element: HTMLElement, visible: boolean): void {
  element.hidden = !visible;
}
