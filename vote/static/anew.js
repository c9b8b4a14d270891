// Loads the page anew.

/** Not by a reload: the page may be the answer to a form, which the browser would send again. */
export function loadAnew() {
  location.replace(location.pathname + location.search); // with a hash it would only be scrolled
}
