// Loads the page again, and passes a message on to the new one.

const KEY = "message"; // in the session's storage

/** Not by a reload: the page may be the answer to a form, which the browser would send again. */
export function load(message = null) {
  try {
    if (message) sessionStorage.setItem(KEY, JSON.stringify(message));
  } catch {
    // Where nothing is stored, the new page shows no message.
  }
  location.replace(location.pathname + location.search); // with a hash it would only scroll
}

/** The message of the page before this one; once. */
export function takeMessage() {
  try {
    const message = JSON.parse(sessionStorage.getItem(KEY));
    sessionStorage.removeItem(KEY);
    return message;
  } catch {
    return null;
  }
}
