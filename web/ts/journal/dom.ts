// Elements for the journal's dialog, made in code: the first page needs none of them.

type Attributes = Record<string, string | boolean | undefined>;
type Child = Node | string | false | undefined;

/** An element. True sets an attribute without a value; false and undefined leave it out. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false)
      made.setAttribute(name, value === true ? '' : value);
  made.append(...children.filter((child) => child !== false && child !== undefined));
  return made;
}

export function button(
  id: string | undefined,
  text: string,
  clicked: () => void,
  attributes: Attributes = {},
): HTMLButtonElement {
  const made = h('button', { type: 'button', id, ...attributes }, text);
  made.addEventListener('click', clicked);
  return made;
}

/** A label above its field, and maybe a hint below. */
export function field(label: string, input: HTMLElement, hint?: string): HTMLElement {
  const box = h('div', { class: 'field' }, h('label', { for: input.id }, label), input);
  if (hint) {
    const note = h('p', { class: 'hint', id: `${input.id}-hint` }, hint);
    input.setAttribute('aria-describedby', note.id);
    box.append(note);
  }
  return box;
}

/** A form whose work is done here; nothing is sent. */
export function form(submitted: () => void, ...children: Child[]): HTMLFormElement {
  const made = h('form', { novalidate: true }, ...children);
  made.addEventListener('submit', (event) => {
    event.preventDefault();
    submitted();
  });
  return made;
}

export function passwordInput(id: string, kind: 'new-password' | 'current-password') {
  return h('input', {
    type: 'password',
    id,
    autocomplete: kind,
    autocapitalize: 'none',
    spellcheck: 'false',
  });
}

/** A photo from a blob; its address is given back once it has loaded. */
export function picture(blob: Blob, alt: string): HTMLImageElement {
  const url = URL.createObjectURL(blob);
  const made = h('img', { alt });
  const done = () => URL.revokeObjectURL(url);
  made.addEventListener('load', done);
  made.addEventListener('error', done);
  made.src = url;
  return made;
}
