// Renews the part `live` of a page whenever its job changes. Without this script the page loads itself again.
"use strict";
(function () {
  const live = document.getElementById("live");
  const address = live && live.dataset.events;
  if (!address || !window.EventSource) return;
  const source = new EventSource(address);
  let busy = false;
  let again = false;
  async function renew(ended) {
    if (busy) { again = again || ended; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok) { source.close(); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of ["live", "who"]) {
        const now = document.getElementById(part);
        const fresh = page.getElementById(part);
        if (!fresh || now.isEqualNode(fresh)) continue;
        const focused = now.contains(document.activeElement) ? document.activeElement.id : "";
        now.replaceChildren(...document.adoptNode(fresh).childNodes);
        if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
      }
    } finally {
      busy = false;
      if (again) { again = false; renew(false); }
    }
  }
  source.onmessage = function (event) {
    const ended = event.data !== "running";
    if (ended) source.close();
    renew(ended);
  };
})();
