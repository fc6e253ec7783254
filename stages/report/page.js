// Word cloud, filter and highlights. The page says everything without them.
(function () {
  "use strict";
  var root = document.documentElement;
  var $ = function (id) { return document.getElementById(id); };
  var all = function (selector, from) { return Array.from((from || document).querySelectorAll(selector)); };
  root.classList.add("js");

  // Language of the page: CSS follows the switch, the `lang` of the page follows here.
  function language(code) {
    root.lang = code === "zh" ? "zh-Hans" : "en";
    // A placeholder can't hold both languages, as the rest of the page does.
    if ($("filter")) $("filter").placeholder = document.querySelector(".filter ." + code).textContent;
  }
  language($("ui-zh").checked ? "zh" : "en");
  if (root.dataset.language === "auto" && /^zh\b/i.test(navigator.language || "")) {
    $("ui-zh").checked = true;
    language("zh");
  }
  all("input[name=ui]").forEach(function (input) {
    input.addEventListener("change", function () { language(input.value); });
  });

  // Finder: the places of one word in the texts, and the way from one to the next.
  var marks = new Map();
  all("mark").forEach(function (mark) {
    var word = mark.textContent;
    if (!marks.has(word)) marks.set(word, []);
    marks.get(word).push(mark);
  });
  var chosen = null;
  var places = [];
  var at = -1;

  function choose(word, from) {
    places.forEach(function (mark) { mark.classList.remove("on", "at"); });
    var again = word === chosen && !from;
    chosen = again ? null : word;
    places = chosen === null ? [] : marks.get(chosen) || [];
    at = -1;
    places.forEach(function (mark) { mark.classList.add("on"); });
    all(".word, .chip, #cloud span").forEach(function (element) {
      var on = chosen !== null && (element.dataset.word || element.textContent) === chosen;
      element.classList.toggle("on", on);
      if (element.tagName === "BUTTON") element.setAttribute("aria-pressed", String(on));
    });
    $("finder").hidden = chosen === null;
    $("finder-word").textContent = chosen || "";
    tell();
  }

  function tell() {
    var here = places.filter(shown).length;
    $("finder-at").textContent = at < 0 ? "× " + here : places.filter(shown).indexOf(places[at]) + 1 + " / " + here;
  }

  function shown(mark) { return !mark.closest(".doc").hidden; }

  function step(by) {
    if (!places.some(shown)) return;
    if (places[at]) places[at].classList.remove("at");
    do {
      at = at < 0 && by < 0 ? places.length - 1 : (at + by + places.length) % places.length;
    } while (!shown(places[at]));
    var mark = places[at];
    for (var fold = mark.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    mark.classList.add("at");
    mark.scrollIntoView({ block: "center" });
    tell();
  }

  document.addEventListener("click", function (event) {
    var element = event.target.closest(".word, .chip, #cloud span, mark");
    if (!element) return;
    choose(element.dataset.word || element.textContent, element.tagName === "MARK" && !element.classList.contains("on"));
  });
  document.addEventListener("mouseover", function (event) {
    var chip = event.target.closest && event.target.closest(".chip");
    if (chip && chosen === null) peek(chip, true);
  });
  document.addEventListener("mouseout", function (event) {
    var chip = event.target.closest && event.target.closest(".chip");
    if (chip && chosen === null) peek(chip, false);
  });
  function peek(chip, on) {
    (marks.get(chip.dataset.word) || []).forEach(function (mark) { mark.classList.toggle("on", on); });
  }
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && chosen !== null) choose(chosen);
  });
  $("finder-next").addEventListener("click", function () { step(1); });
  $("finder-previous").addEventListener("click", function () { step(-1); });
  $("finder-close").addEventListener("click", function () { choose(chosen); });

  // Filter over names and texts.
  var documents = all(".doc");
  if (documents.length) {
    all(".tools")[0].hidden = documents.length < 2;
    var texts = documents.map(function (doc) {
      return (doc.querySelector("h3").textContent + "\n" + doc.querySelector(".body").textContent).toLowerCase();
    });
    var filter = function () {
      var wanted = $("filter").value.trim().toLowerCase();
      var left = 0;
      documents.forEach(function (doc, i) {
        doc.hidden = !texts[i].includes(wanted);
        if (!doc.hidden) left += 1;
      });
      $("n-shown").textContent = left;
      if (wanted && $("more-documents")) $("more-documents").open = true;
      all(".nothing")[0].hidden = left > 0;
      if (chosen !== null) tell();
    };
    $("filter").addEventListener("input", filter);
    var fold = function (open) {
      return function () { all("#documents details").forEach(function (details) { details.open = open; }); };
    };
    $("open-all").addEventListener("click", fold(true));
    $("close-all").addEventListener("click", fold(false));
  }

  // Paper shows what is folded away on the screen.
  var folded = [];
  window.addEventListener("beforeprint", function () {
    folded = all("details:not([open])");
    folded.forEach(function (details) { details.open = true; });
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (details) { details.open = false; });
  });

  // Word cloud. Words are elements, so that dark mode and fonts are those of the style sheet.
  var cloud = $("cloud");
  if (cloud && window.WordCloud && WordCloud.isSupported) {
    var tags = all("#tags li");
    var font = getComputedStyle(root).getPropertyValue("--serif");
    cloud.hidden = false;
    // The library draws on a canvas only to see which room a word takes. It takes its whole box and
    // a margin: else small words slip into the gaps of large ones, and neighbours read as one word.
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
      var em = parseFloat(/([\d.]+)px/.exec(this.font)[1]);
      this.fillRect(x - em * 0.12, y - em * 0.5, this.measureText(text).width + em * 0.24, em * 1.06);
    };
    var width = 0;
    var draw = function () {
      if (cloud.clientWidth === width || cloud.clientWidth === 0) return;
      width = cloud.clientWidth;
      var height = cloud.clientHeight;
      // The area that the words may take, spread over them by weight.
      var sizes = tags.map(function (tag) { return Math.pow(Math.max(Number(tag.dataset.share), 40) / 1000, 0.7); });
      var wanted = tags.reduce(function (sum, tag, i) {
        return sum + Math.max(1, Array.from(tag.textContent).length) * sizes[i] * sizes[i] * 1.25;
      }, 0);
      var largest = Math.min(Math.sqrt((width * height * 0.6) / wanted), height / 4.2, width / 5);
      var list = tags.map(function (tag, i) {
        return { word: tag.textContent, weight: Math.max(12, Math.round(largest * sizes[i])), attributes: { "data-word": tag.textContent, lang: "zh-Hans" } };
      });
      var level = new Map(tags.map(function (tag) { return [tag.textContent, tag.className]; }));
      WordCloud(cloud, {
        list: list,
        fontFamily: font,
        fontWeight: "600",
        color: null,
        classes: function (word) { return level.get(word) + (word === chosen ? " on" : ""); },
        backgroundColor: "transparent",
        gridSize: 6,
        minSize: 11,
        rotateRatio: 0,
        shuffle: false,
        shape: "square",
        ellipticity: height / width,
        shrinkToFit: true,
        drawOutOfBound: false,
        wait: 0
      });
    };
    draw();
    var timer = 0;
    new ResizeObserver(function () {
      clearTimeout(timer);
      timer = setTimeout(draw, 150);
    }).observe(cloud);
  }

  // Where the reader is.
  var links = all(".top nav a");
  var spy = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      links.forEach(function (link) {
        if (link.hash === "#" + entry.target.id) link.classList.toggle("here", entry.isIntersecting);
      });
    });
  }, { rootMargin: "-30% 0px -70% 0px" });
  all("main > section").forEach(function (section) { spy.observe(section); });

  root.dataset.ready = "true";
})();
