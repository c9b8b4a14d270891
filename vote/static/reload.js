// Loads the page anew, and hands to the new one what is still to be told.

const KEY = "untold"; // in the session's storage

/** Not by a reload: the page may be the answer to a form, which the browser would send again. */
export function loadAnew(untold = null) {
  try {
    if (untold) sessionStorage.setItem(KEY, JSON.stringify(untold));
  } catch {
    // Where nothing is stored, the new page says how things stand, and no more.
  }
  location.replace(location.pathname + location.search); // with a hash it would only be scrolled
}

/** What the page before this one has left to tell; once. */
export function takeUntold() {
  try {
    const untold = JSON.parse(sessionStorage.getItem(KEY));
    sessionStorage.removeItem(KEY);
    return untold;
  } catch {
    return null;
  }
}
