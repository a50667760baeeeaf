/** An element by its id. */
export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `data-…` and `aria-…` as attributes, `on…` as listeners) and children. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class' || name.includes('-')) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** The beginning of a long text. */
export function shorten(text, length) {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
