// Keeps the page fresh: asks for it again, and puts what came in the place of what is shown. Nothing is made of
// text here, so that nothing a server says can become more than text.
"use strict";

(() => {
  const pause = Number(document.documentElement.dataset.refresh) * 1000;
  const offline = document.getElementById("offline");
  const announcement = document.getElementById("announcement");

  const opened = (root) =>
    [...root.querySelectorAll("details[open]")].map((one) => one.dataset.key);

  const isSelecting = () => {
    const selection = document.getSelection();
    return selection !== null && !selection.isCollapsed;
  };

  // Who has opened, or stands at, a part of the page finds it as it was.
  const replace = (fresh) => {
    const shown = document.getElementById("main");
    const next = document.adoptNode(fresh.getElementById("main"));
    const keys = new Set(opened(shown));
    for (const one of next.querySelectorAll("details")) {
      one.open = keys.has(one.dataset.key);
    }
    const at = document.activeElement;
    const key = at?.closest("#main details")?.dataset.key;
    const link = shown.contains(at) ? at.getAttribute("href") : null;
    if (shown.dataset.summary !== next.dataset.summary) {
      announcement.textContent = next.dataset.summary;
    }
    shown.replaceWith(next);
    for (const one of next.querySelectorAll("details, a[href]")) {
      if (key !== undefined && one.dataset.key === key) {
        one.querySelector("summary").focus({ preventScroll: true });
      } else if (link !== null && one.getAttribute("href") === link) {
        one.focus({ preventScroll: true });
      }
    }
    document.title = fresh.title;
    document.getElementById("icon").href = fresh.getElementById("icon").href;
  };

  const refresh = async () => {
    if (document.hidden || isSelecting()) {
      return;
    }
    try {
      const answer = await fetch("/", { signal: AbortSignal.timeout(5000) });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.ok || fresh.getElementById("main") === null) {
        throw new Error(`status ${answer.status}`);
      }
      replace(fresh);
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
  };

  const again = async () => {
    await refresh();
    setTimeout(again, pause);
  };

  document.addEventListener("visibilitychange", refresh);
  setTimeout(again, pause);
})();
