// Renews the parts `live`, `live-steps` and `who` of a page whenever its job changes. Without this script the page loads
// itself again. The page of a job that is done leads to its result.
"use strict";
(function () {
  const live = document.getElementById("live");
  const address = live && live.dataset.events;
  if (!address || !window.EventSource) return;
  const source = new EventSource(address);
  let busy = false;
  let again = false;
  let pressed = false;
  let missed = false;
  function nameOf(details) {
    return details.closest("[id]").id + " " + details.querySelector("summary").textContent;
  }
  // What a person has opened stays open.
  function keepOpen(now, fresh) {
    const opened = new Set(Array.from(now.querySelectorAll("details[open]"), nameOf));
    for (const one of fresh.querySelectorAll("details")) if (opened.has(nameOf(one))) one.open = true;
  }
  async function renew() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok) { source.close(); return; }
      if (answer.redirected) { source.close(); location.replace(answer.url); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (pressed) { missed = true; return; }
      for (const part of ["live", "live-steps", "who"]) {
        const now = document.getElementById(part);
        const fresh = page.getElementById(part);
        if (!now || !fresh) continue;
        keepOpen(now, fresh);
        if (now.isEqualNode(fresh)) continue;
        const focused = now.contains(document.activeElement) ? document.activeElement.id : "";
        now.replaceChildren(...document.adoptNode(fresh).childNodes);
        if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
      }
    } finally {
      busy = false;
      if (again) { again = false; renew(); }
    }
  }
  function release() {
    pressed = false;
    if (missed) { missed = false; renew(); }
  }
  // A button that is replaced while the mouse presses it gets no click, so the page is renewed after the release.
  document.addEventListener("pointerdown", function (event) { pressed = event.button === 0; });
  for (const end of ["pointerup", "pointercancel", "contextmenu"]) {
    document.addEventListener(end, function () { setTimeout(release); });
  }
  source.onmessage = function (event) {
    if (event.data !== "running") source.close();
    renew();
  };
})();
