// What htmx cannot: one stream a page, times in the reader's zone, "/" to search, copying, and waiting.
(function () {
  "use strict";
  var url = document.body.dataset.stream, last = document.body.dataset.since, source = null, due = null, sign = document.getElementById("live");

  // What comes together is drawn once.
  function changed() {
    if (!due) { due = setTimeout(function () { due = null; htmx.trigger(document.body, "live"); }, 150); }
  }
  function say(text, state) {
    if (sign) { sign.textContent = text; sign.dataset.state = state; }
  }
  function close() {
    if (source) { source.close(); source = null; }
  }
  function open() {
    if (!url || source || document.hidden) { return; }
    source = new EventSource(url + "?since=" + encodeURIComponent(last));
    source.onopen = function () { say("Live", "on"); };
    source.onmessage = function (event) {
      last = event.lastEventId || last;
      changed();
    };
    source.onerror = function () {
      say("Reconnecting", "off");
      // A browser gives up where the answer was no stream; a page that stays open tries on.
      if (source.readyState === 2) { close(); setTimeout(open, 5000); }
    };
  }
  // A page that nobody sees needs no connection, of which a browser has few; back in sight it goes on where it stopped.
  document.addEventListener("visibilitychange", function () { if (document.hidden) { close(); } else { open(); } });
  window.addEventListener("pagehide", close);
  open();

  function local(root) {
    root.querySelectorAll("time[data-short], time[data-long]").forEach(function (node) {
      var at = new Date(node.getAttribute("datetime")), now = new Date(), long = { dateStyle: "full", timeStyle: "medium" };
      if (isNaN(at)) { return; }
      if ("long" in node.dataset) { node.textContent = at.toLocaleString("en-GB", long); return; }
      node.title = at.toLocaleString("en-GB", long);
      if (now - at >= 0 && now - at < 60000) { node.textContent = "now"; }
      else if (at.toDateString() === now.toDateString()) { node.textContent = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }); }
      else if (now - at < 26e9) { node.textContent = at.toLocaleDateString("en-GB", { day: "numeric", month: "short" }); }
    });
    root.querySelectorAll("[data-copy]").forEach(function (node) { node.hidden = !navigator.clipboard; });
  }
  htmx.onLoad(local);

  document.addEventListener("keydown", function (event) {
    var field = document.getElementById("search");
    if (event.key !== "/" || !field || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (/^(input|textarea|select)$/i.test(event.target.tagName) || event.target.isContentEditable) { return; }
    event.preventDefault();
    field.focus();
    field.select();
  });
  // A form that takes its time says so, until there is another page; one that a person came back to has been answered.
  document.addEventListener("submit", function (event) {
    if (event.submitter && "slow" in event.target.dataset) { event.submitter.setAttribute("aria-busy", "true"); }
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("button[aria-busy]").forEach(function (node) { node.removeAttribute("aria-busy"); });
  });
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]"), was;
    if (!button) { return; }
    was = button.textContent;
    navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent).then(function () {
      button.textContent = "Copied";
      setTimeout(function () { button.textContent = was; }, 1500);
    });
  });
})();
