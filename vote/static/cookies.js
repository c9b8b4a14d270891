// Whether the browser keeps cookies: without them, each vote is one of a new voter.

export const keepsCookies = tryOne();

/** navigator.cookieEnabled may be true where all are blocked. */
function tryOne() {
  try {
    document.cookie = "tried=1; SameSite=Lax";
    const isKept = document.cookie.includes("tried=1");
    document.cookie = "tried=; Max-Age=0; SameSite=Lax";
    return isKept;
  } catch {
    return false;
  }
}
