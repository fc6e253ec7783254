// What the page can do beyond being read: sort, filter, look words up, draw, open documents.
(function () {
  "use strict";
  var root = document.documentElement;
  var $ = function (id) { return document.getElementById(id); };
  var all = function (selector, from) { return Array.from((from || document).querySelectorAll(selector)); };
  var data = JSON.parse($("data").textContent);
  var phrases = $("phrases").content;
  root.classList.add("js");

  // Makes an element; text never becomes markup.
  function make(name, properties, children) {
    var element = document.createElement(name);
    Object.keys(properties || {}).forEach(function (key) {
      if (key === "class") element.className = properties[key];
      else if (key === "text") element.textContent = properties[key];
      else element.setAttribute(key, properties[key]);
    });
    (children || []).forEach(function (child) { element.append(child); });
    return element;
  }
  // Both languages of a phrase; CSS shows one.
  function phrase(name) {
    var both = phrases.querySelector('[data-phrase="' + name + '"]').cloneNode(true);
    both.removeAttribute("data-phrase");
    return both;
  }
  function plain(name) {
    return phrases.querySelector('[data-phrase="' + name + '"] .' + ($("ui-zh").checked ? "zh" : "en")).textContent;
  }
  function number(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ","); }
  function remember(key, value) { try { localStorage.setItem("hanmill." + key, value); } catch (_) { /* a file may have no storage */ } }
  function recall(key) { try { return localStorage.getItem("hanmill." + key); } catch (_) { return null; } }

  // Language and colours: CSS follows the switches, `lang` and what holds one language only follow here.
  var relabel = [];
  function language(code) {
    root.lang = code === "zh" ? "zh-Hans" : "en";
    relabel.forEach(function (label) { label(); });
  }
  if (root.dataset.language === "auto" && /^zh\b/i.test(navigator.language || "")) $("ui-zh").checked = true;
  all("input[name=ui]").forEach(function (input) {
    if (recall("ui") === input.value && root.dataset.language === "auto") input.checked = true;
    input.addEventListener("change", function () { remember("ui", input.value); language(input.value); });
  });
  all("input[name=theme]").forEach(function (input) {
    if (recall("theme") === input.value) input.checked = true;
    input.addEventListener("change", function () { remember("theme", input.value); });
  });

  // Tables: sort by a column, filter as one types, save as CSV.
  function cellValue(cell, kind) {
    var text = cell ? cell.textContent.trim() : "";
    if (kind === "num") return text === "" ? -Infinity : parseFloat(text.replace(/[,≈%]/g, ""));
    // The nearest character first, as one reads a concordance.
    if (kind === "left") return Array.from(text).reverse().join("");
    return text;
  }
  var order = new Intl.Collator("zh-Hans-u-co-pinyin", { numeric: true });
  function sort(table, index, direction) {
    var kind = table.tHead.rows[0].cells[index].dataset.sort;
    var body = table.tBodies[0];
    var rows = Array.from(body.rows).map(function (row, i) { return { row: row, i: i, value: cellValue(row.cells[index], kind) }; });
    var sign = direction === "ascending" ? 1 : -1;
    rows.sort(function (a, b) {
      var by = kind === "num" ? a.value - b.value || 0 : order.compare(a.value, b.value);
      return sign * by || a.i - b.i;
    });
    body.append.apply(body, rows.map(function (entry) { return entry.row; }));
    Array.from(table.tHead.rows[0].cells).forEach(function (cell, i) {
      if (i === index) cell.setAttribute("aria-sort", direction);
      else cell.removeAttribute("aria-sort");
    });
  }
  function sorted(table) {
    return Array.from(table.tHead.rows[0].cells).findIndex(function (cell) { return cell.hasAttribute("aria-sort"); });
  }
  function filter(table) {
    var wanted = (table.filterInput ? table.filterInput.value : "").trim().toLowerCase();
    var left = 0;
    var rows = Array.from(table.tBodies[0].rows);
    rows.forEach(function (row) {
      row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
      if (!row.hidden) left += 1;
    });
    if (table.filterCount) table.filterCount.textContent = wanted === "" ? "" : number(left) + " / " + number(rows.length);
  }
  function cellText(cell) {
    // Of two languages, the one that is shown; the small print beside a number belongs to it.
    var copy = cell.cloneNode(true);
    all($("ui-zh").checked ? ".en" : ".zh", copy).forEach(function (other) { other.remove(); });
    all(".bar", copy).forEach(function (bar) { bar.remove(); });
    all("br", copy).forEach(function (br) { br.replaceWith(" "); });
    var text = copy.textContent.trim();
    return /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replace(/,/g, "") : text;
  }
  function csv(table) {
    var rows = [table.tHead.rows[0]].concat(Array.from(table.tBodies[0].rows).filter(function (row) { return !row.hidden; }));
    var lines = rows.map(function (row) {
      return Array.from(row.cells).map(function (cell) {
        var text = cellText(cell);
        return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
      }).join(",");
    });
    return "\ufeff" + lines.join("\r\n") + "\r\n";
  }
  function save(table) {
    var url = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv;charset=utf-8" }));
    var link = make("a", { href: url, download: table.dataset.name + ".csv" });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(url); }, 10000);
  }
  all("table.data").forEach(function (table) {
    Array.from(table.tHead.rows[0].cells).forEach(function (cell, index) {
      var button = make("button", { type: "button", class: "sort" }, Array.from(cell.childNodes));
      cell.append(button);
      button.addEventListener("click", function () {
        var now = cell.getAttribute("aria-sort");
        var first = cell.dataset.sort === "num" ? "descending" : "ascending";
        var other = first === "descending" ? "ascending" : "descending";
        sort(table, index, now === first ? other : first);
      });
    });
    var tools = make("div", { class: "table-tools" });
    if ("filter" in table.dataset) {
      var input = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
      relabel.push(function () { input.placeholder = plain("filter"); input.setAttribute("aria-label", plain("filter")); });
      input.addEventListener("input", function () { filter(table); });
      table.filterInput = input;
      table.filterCount = make("span", { class: "count", role: "status" });
      tools.append(input, table.filterCount);
    }
    var button = make("button", { type: "button", class: "csv" }, [phrase("csv"), " ↓"]);
    button.addEventListener("click", function () { save(table); });
    tools.append(button);
    // A table is wider than a phone now and then: it scrolls, the page doesn't.
    var frame = table.parentElement;
    if (!frame.classList.contains("frame")) {
      frame = make("div", { class: "frame" });
      table.before(frame);
    }
    if (table.filterInput) frame.before(tools);
    else frame.after(tools);
    if (table.classList.contains("narrow")) tools.classList.add("narrow");
    frame.append(table);
  });

  // Keyword in context, in the texts of this page.
  var kwicTable = $("kwic-table");
  function kwic(word) {
    var context = data.kwic.context;
    var rows = [];
    var total = 0;
    if (word) {
      data.documents.forEach(function (doc, n) {
        for (var at = doc.x.indexOf(word); at >= 0; at = doc.x.indexOf(word, at + word.length)) {
          total += 1;
          if (rows.length < data.kwic.lines) rows.push(kwicRow(doc, n, at, word, context));
        }
      });
    }
    kwicTable.tBodies[0].replaceChildren.apply(kwicTable.tBodies[0], rows);
    var column = sorted(kwicTable);
    if (column >= 0) sort(kwicTable, column, kwicTable.tHead.rows[0].cells[column].getAttribute("aria-sort"));
    filter(kwicTable);
    $("kwic-count").replaceChildren(number(total), " ", phrase("places"), ...(total > rows.length ? [" · " + number(rows.length) + " ", phrase("listed")] : []));
  }
  function kwicRow(doc, n, at, word, context) {
    // Surrogates are kept whole: a slice may begin or end within one.
    var left = Array.from(doc.x.slice(Math.max(0, at - context * 2), at)).slice(-context).join("");
    var right = Array.from(doc.x.slice(at + word.length, at + word.length + context * 2)).slice(0, context).join("");
    left = left.slice(left.lastIndexOf("\n") + 1);
    if (right.indexOf("\n") >= 0) right = right.slice(0, right.indexOf("\n"));
    var place = "#doc=" + encodeURIComponent(doc.id) + "&at=" + at;
    return make("tr", {}, [
      make("td", { class: "left", lang: "zh-Hans" }, [make("bdi", { dir: "ltr", text: left })]),
      make("th", { scope: "row", lang: "zh-Hans" }, [make("a", { href: place, text: word })]),
      make("td", { lang: "zh-Hans", text: right }),
      make("td", { class: "where id" }, [make("a", { href: place, text: doc.id })])
    ]);
  }
  function lookUp(word) {
    if (!kwicTable || !data.documents.length) return;
    if (location.hash.indexOf("#doc=") === 0) location.hash = "kwic";
    $("kwic-word").value = word;
    kwicTable.filterInput.value = "";
    kwic(word);
    $("kwic").scrollIntoView();
  }
  if (kwicTable && data.documents.length) {
    $("kwic-tools").hidden = false;
    $("kwic-word").addEventListener("input", function () { kwic($("kwic-word").value.trim()); });
    kwic($("kwic-word").value.trim());
  }
  document.addEventListener("click", function (event) {
    var element = event.target.closest("[data-word]");
    if (element && !element.closest("#reader")) lookUp(element.dataset.word);
  });

  // A page for each document: `#doc=ID`, and `&at=` for a place in it.
  var places = new Map(data.documents.map(function (doc, n) { return [doc.id, n]; }));
  all("a[data-doc]").forEach(function (link) {
    link.href = "#doc=" + encodeURIComponent(data.documents[link.dataset.doc].id);
  });
  // The words of a document: where each stands in the text, in the file, and how it is spelled there.
  function words(doc) {
    var list = [];
    var at = 0, length = 0;
    var byte = doc.b;
    var moved = 0, nextMoved = doc.m.length ? doc.m[0][0] : -1;
    var original = 0, nextOriginal = doc.o.length ? doc.o[0][0] : -1;
    for (var i = 0; i < doc.t.length; i++) {
      var code = doc.t.charCodeAt(i);
      if (code === 43) { length += 26; continue; }
      if (code < 97) {
        var gap = code - 64;
        byte += cost(doc, doc.x.slice(at, at + gap));
        at += gap;
        continue;
      }
      length += code - 96;
      var word = { start: at, end: at + length, text: doc.x.slice(at, at + length) };
      var bytes = cost(doc, word.text);
      if (list.length === nextMoved) {
        byte += doc.m[moved][1];
        bytes = doc.m[moved][2];
        moved += 1;
        nextMoved = moved < doc.m.length ? nextMoved + doc.m[moved][0] : -1;
      }
      word.from = byte;
      word.to = byte + bytes;
      if (list.length === nextOriginal) {
        word.original = doc.o[original][1];
        original += 1;
        nextOriginal = original < doc.o.length ? nextOriginal + doc.o[original][0] : -1;
      }
      byte = word.to;
      at += length;
      length = 0;
      list.push(word);
    }
    return list;
  }
  function cost(doc, text) {
    var bytes = 0;
    for (var c of text) {
      var code = c.codePointAt(0);
      if (doc.u[0]) bytes += code < 128 ? doc.u[0] : doc.u[1];
      else bytes += code < 128 ? 1 : code < 2048 ? 2 : code < 65536 ? 3 : 4;
    }
    return bytes;
  }
  // Marks keywords along the words, the longest at each place, as the segmentation has them.
  function marked(doc, list) {
    var keywords = new Set(doc.keywords.map(function (pair) { return pair[0]; }));
    var marks = new Array(list.length).fill(0);
    for (var i = 0; i < list.length; i++) {
      var found = 0;
      for (var j = i, joined = ""; j < list.length && j < i + 8; j++) {
        if (j > i && list[j].start !== list[j - 1].end) joined += doc.x.slice(list[j - 1].end, list[j].start);
        joined += list[j].text;
        if (keywords.has(joined)) found = j - i + 1;
      }
      if (found) {
        for (var k = 0; k < found; k++) marks[i + k] = k === 0 ? found : -1;
        i += found - 1;
      }
    }
    return marks;
  }
  var open = null;
  function fact(name, value, note) {
    if (value === null || value === undefined || value === "") return null;
    return make("div", {}, [make("dt", {}, [phrase(name)]), make("dd", {}, [value].concat(note ? [" ", make("small", { text: note })] : []))]);
  }
  var SCRIPTS = ["simplified", "traditional", "mixed", "neither"];
  function read(n, at) {
    var doc = data.documents[n];
    var list = words(doc);
    var marks = marked(doc, list);
    open = { doc: doc, list: list, chosen: -1 };
    $("h-reader").textContent = doc.id;
    var script = [phrase(SCRIPTS[doc.before])];
    if (doc.before !== doc.after) script.push(" → ", phrase(SCRIPTS[doc.after]));
    $("reader-facts").replaceChildren.apply($("reader-facts"), [
      fact("source", doc.source),
      fact("encoding", doc.encoding || phrase("text"), doc.encoding ? (doc.method === doc.encoding ? "" : doc.method + ", ") + doc.confidence : ""),
      fact("script", make("span", {}, script)),
      fact("characters", number(doc.characters)),
      fact("words", doc.words === null ? null : number(doc.words)),
      fact("repairs", number(doc.repairs)),
      doc.flagged ? fact("flagged", number(doc.flagged)) : null,
      fact("malformed", number(doc.malformed)),
      fact("edits", number(doc.edits)),
      fact("time", doc.time),
      fact("group", doc.group)
    ].filter(Boolean));
    $("reader-keywords").replaceChildren.apply($("reader-keywords"), doc.keywords.map(function (pair) {
      return make("li", {}, [make("button", { type: "button", class: "chip", lang: "zh-Hans", "data-word": pair[0] }, [pair[0], make("small", { text: number(pair[1]) })])]);
    }));
    // Paragraphs of words; what is between them is text.
    var paragraphs = [];
    var paragraph = make("p");
    var blank = 0;
    function piece(text, into) {
      text.split("\n").forEach(function (line, i) {
        if (i > 0) {
          if (paragraph.childNodes.length && paragraph.textContent.trim()) { paragraphs.push(paragraph); blank = 0; } else blank += 1;
          paragraph = make("p", blank ? { class: "gap" } : {});
          into = null;
        }
        if (line) (into || paragraph).append(line.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "\u2400"));
      });
    }
    var end = 0, mark = null, left = 0;
    list.forEach(function (word, i) {
      if (word.start > end) piece(doc.x.slice(end, word.start), left > 0 ? mark : null);
      if (word.text.indexOf("\n") >= 0) piece(word.text, null);
      else {
        var span = make("span", { class: word.original === undefined ? "w" : "w changed", "data-i": i, text: word.text });
        if (marks[i] > 0) {
          mark = make("mark", { class: "own" });
          left = marks[i];
          paragraph.append(mark);
        }
        (left > 0 ? mark : paragraph).append(span);
      }
      left -= 1;
      end = word.end;
    });
    piece(doc.x.slice(end), null);
    if (paragraph.textContent.trim()) paragraphs.push(paragraph);
    $("reader-text").replaceChildren.apply($("reader-text"), paragraphs);
    $("reader-cut").hidden = doc.n >= doc.characters;
    $("reader-cut").replaceChildren(phrase("cut"), " " + number(doc.n) + " / " + number(doc.characters));
    $("origin").hidden = true;
    all("main > :not(#reader)").forEach(function (part) { part.classList.add("away"); });
    $("reader").hidden = false;
    if (at >= 0) {
      var there = list.findIndex(function (word) { return word.end > at; });
      if (there >= 0) tell(there, true);
    } else scrollTo(0, 0);
  }
  function close() {
    if (open === null) return;
    open = null;
    $("reader").hidden = true;
    $("origin").hidden = true;
    all("main > .away").forEach(function (part) { part.classList.remove("away"); });
  }
  // Tells of a word how it was spelled, and where it lies in the file.
  function tell(i, scroll) {
    var word = open.list[i];
    var span = $("reader-text").querySelector('[data-i="' + i + '"]');
    if (!word || !span) return;
    all(".w.chosen").forEach(function (other) { other.classList.remove("chosen"); });
    span.classList.add("chosen");
    open.chosen = i;
    var original = word.original === undefined
      ? make("small", {}, [phrase("same")])
      : make("span", {}, [make("small", {}, [phrase("original")]), " ", make("b", { lang: "zh-Hant", class: "original", text: word.original })]);
    var button = make("button", { type: "button", class: "close" }, [make("span", { "aria-hidden": "true", text: "×" }), make("span", { class: "sr" }, [phrase("close")])]);
    button.addEventListener("click", function () { $("origin").hidden = true; span.classList.remove("chosen"); });
    $("origin").replaceChildren(
      make("b", { lang: "zh-Hans", class: "now", text: word.text }), original,
      make("span", { class: "file" }, [open.doc.source, " ", phrase("bytes"), " ", make("span", { class: "bytes", text: word.from + "–" + word.to })]),
      button
    );
    $("origin").hidden = false;
    if (scroll) span.scrollIntoView({ block: "center" });
  }
  $("reader-text").addEventListener("click", function (event) {
    var span = event.target.closest(".w");
    if (span) tell(Number(span.dataset.i));
  });
  $("reader-text").addEventListener("keydown", function (event) {
    var by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by || !open) return;
    event.preventDefault();
    for (var i = open.chosen + by; i >= 0 && i < open.list.length; i += by) {
      if (open.list[i].text.trim()) { tell(i, true); break; }
    }
  });
  $("reader-keywords").addEventListener("click", function (event) {
    var chip = event.target.closest(".chip");
    if (!chip) return;
    var on = all("#reader-text mark").filter(function (mark) { return mark.textContent === chip.dataset.word; });
    var again = chip.classList.contains("on");
    var now = again ? on.findIndex(function (mark) { return mark.classList.contains("at"); }) + 1 : 0;
    all(".chip.on, #reader-text mark.on").forEach(function (other) { other.classList.remove("on", "at"); });
    chip.classList.add("on");
    on.forEach(function (mark) { mark.classList.add("on"); });
    if (on.length) {
      on[now % on.length].classList.add("at");
      on[now % on.length].scrollIntoView({ block: "center" });
    }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && !$("origin").hidden) $("origin").hidden = true;
    else if (event.key === "Escape" && open) location.hash = "documents";
  });
  function route() {
    var match = /^#doc=([^&]*)(?:&at=(\d+))?/.exec(location.hash);
    var n;
    try { n = match ? places.get(decodeURIComponent(match[1])) : undefined; } catch (_) { n = undefined; }
    if (n === undefined) {
      var was = open !== null;
      close();
      if (was && location.hash.length > 1 && $(location.hash.slice(1))) $(location.hash.slice(1)).scrollIntoView();
    } else read(n, match[2] === undefined ? -1 : Number(match[2]));
  }
  addEventListener("hashchange", route);
  // What is laid out or drawn on the way moves the goal: go there once more when that is done.
  addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest('a[href^="#"]');
    var goal = link && link.hash.indexOf("=") < 0 && $(link.hash.slice(1));
    if (goal) [60, 250].forEach(function (wait) { setTimeout(function () { goal.scrollIntoView(); }, wait); });
  });

  // Charts. Each is drawn when it comes near, and again for paper.
  var COLOURS = 8;
  function svg(box, width, height, label) {
    box.replaceChildren();
    box.hidden = false;
    return d3.select(box).append("svg").attr("viewBox", "0 0 " + width + " " + height).attr("role", "img").attr("aria-label", label);
  }
  var charts = {
    network: function (box) {
      var width = Math.max(box.clientWidth, 320), height = Math.min(560, Math.max(360, width * 0.6));
      var nodes = data.network.nodes.map(function (node) { return { word: node[0], n: node[1] }; });
      var links = data.network.edges.map(function (edge) { return { source: edge[0], target: edge[1], n: edge[2] }; });
      var tied = new Set(links.flatMap(function (link) { return [link.source, link.target]; }));
      var kept = nodes.filter(function (_, i) { return tied.has(i); });
      var most = Math.max.apply(null, kept.map(function (node) { return node.n; }));
      var heaviest = Math.max.apply(null, links.map(function (link) { return link.n; }));
      var size = d3.scaleSqrt().domain([0, most]).range([width < 600 ? 9 : 11, width < 600 ? 18 : 26]);
      links.forEach(function (link) { link.source = nodes[link.source]; link.target = nodes[link.target]; });
      settle(d3.forceSimulation(kept)
        .force("link", d3.forceLink(links).distance(width < 600 ? 60 : 90).strength(function (link) { return 0.1 + 0.5 * link.n / heaviest; }))
        .force("charge", d3.forceManyBody().strength(-220))
        .force("collide", d3.forceCollide(function (node) { return size(node.n) * (0.5 * Array.from(node.word).length + 0.35); }))
        .force("x", d3.forceX(0).strength(0.06)).force("y", d3.forceY(0).strength(0.1)), 300);
      fit(kept, width, height, 46, 22);
      var picture = svg(box, width, height, $("network").textContent);
      picture.append("g").attr("class", "links").selectAll("line").data(links).join("line")
        .attr("x1", function (l) { return l.source.x; }).attr("y1", function (l) { return l.source.y; })
        .attr("x2", function (l) { return l.target.x; }).attr("y2", function (l) { return l.target.y; })
        .attr("stroke-width", function (l) { return 0.6 + 3.4 * l.n / heaviest; });
      picture.append("g").attr("class", "names").selectAll("text").data(kept).join("text")
        .attr("x", function (d) { return d.x; }).attr("y", function (d) { return d.y; })
        .attr("font-size", function (d) { return size(d.n); }).attr("data-word", function (d) { return d.word; })
        .text(function (d) { return d.word; });
    },
    map: function (box) {
      var width = Math.max(box.clientWidth, 320), height = Math.min(560, Math.max(360, width * 0.6));
      var nodes = data.map.nodes.map(function (node) { return { id: node[0], n: node[1], group: node[2] }; });
      var links = data.map.edges.map(function (edge) { return { source: edge[0], target: edge[1], like: edge[2] }; });
      var most = Math.max.apply(null, nodes.map(function (node) { return node.n; }));
      var size = d3.scaleSqrt().domain([0, most]).range([2.5, width < 600 ? 8 : 11]);
      settle(d3.forceSimulation(nodes)
        .force("link", d3.forceLink(links).distance(function (link) { return 12 + 60 * (1 - link.like); }).strength(function (link) { return link.like; }))
        .force("charge", d3.forceManyBody().strength(-28).distanceMax(250))
        .force("collide", d3.forceCollide(function (node) { return size(node.n) + 1.5; }))
        .force("x", d3.forceX(0).strength(0.08)).force("y", d3.forceY(0).strength(0.12)), 250);
      fit(nodes, width, height, 16, 16);
      var groups = Array.from(new Set(nodes.map(function (node) { return node.group; }).filter(Boolean)));
      var picture = svg(box, width, height, $("map").textContent);
      picture.append("g").attr("class", "links").selectAll("line").data(links).join("line")
        .attr("x1", function (l) { return l.source.x; }).attr("y1", function (l) { return l.source.y; })
        .attr("x2", function (l) { return l.target.x; }).attr("y2", function (l) { return l.target.y; })
        .attr("stroke-opacity", function (l) { return 0.25 + 0.75 * l.like; });
      var dots = picture.append("g").attr("class", "dots").selectAll("a").data(nodes).join("a")
        .attr("href", function (d) { return places.has(d.id) ? "#doc=" + encodeURIComponent(d.id) : null; });
      dots.append("circle").attr("cx", function (d) { return d.x; }).attr("cy", function (d) { return d.y; })
        .attr("r", function (d) { return size(d.n); })
        .attr("class", function (d) { return "series-" + (d.group ? groups.indexOf(d.group) % COLOURS : 0); });
      dots.append("title").text(function (d) { return d.id + (d.group ? " · " + d.group : ""); });
      if (groups.length) legend(box, groups);
    },
    trends: function (box) {
      var periods = data.trends.periods.map(function (period) { return period.period; });
      var lines = [{ word: plain("documents"), values: data.trends.periods.map(function (period) { return period.documents; }) }]
        .concat(data.trends.keywords.slice(0, COLOURS - 1).map(function (row) { return { word: row.word, values: row.by_period }; }));
      var width = Math.max(box.clientWidth, 320), height = Math.min(380, Math.max(260, width * 0.42));
      var x = d3.scalePoint().domain(periods).range([44, width - 14]).padding(0.3);
      var most = Math.max.apply(null, lines.flatMap(function (line) { return line.values; }));
      var y = d3.scaleLinear().domain([0, Math.max(1, most)]).nice().range([height - 28, 10]);
      var step = Math.ceil(periods.length / Math.floor(width / 74));
      var picture = svg(box, width, height, $("trends").textContent);
      picture.append("g").attr("class", "axis").attr("transform", "translate(0," + (height - 28) + ")")
        .call(d3.axisBottom(x).tickValues(periods.filter(function (_, i) { return i % step === 0; })).tickSizeOuter(0));
      picture.append("g").attr("class", "axis grid").attr("transform", "translate(44,0)")
        .call(d3.axisLeft(y).ticks(5).tickSize(-(width - 58)).tickFormat(function (n) { return n % 1 ? "" : number(n); }));
      var path = d3.line().x(function (_, i) { return x(periods[i]); }).y(function (n) { return y(n); });
      var series = picture.append("g").attr("class", "lines").selectAll("g").data(lines).join("g").attr("class", function (_, i) { return "series-" + i; });
      series.append("path").attr("d", function (line) { return path(line.values); });
      series.selectAll("circle").data(function (line) { return line.values.map(function (n, i) { return { n: n, i: i, word: line.word }; }); }).join("circle")
        .attr("cx", function (d) { return x(periods[d.i]); }).attr("cy", function (d) { return y(d.n); }).attr("r", periods.length > 40 ? 1.5 : 3)
        .append("title").text(function (d) { return d.word + " · " + periods[d.i] + " · " + number(d.n); });
      legend(box, lines.map(function (line) { return line.word; }));
    },
    cloud: drawCloud
  };
  // Always the same picture: the library begins with a spiral and draws its lots from a fixed seed.
  function settle(simulation, ticks) { simulation.stop().tick(ticks); }
  // Stretches a layout over the room there is.
  function fit(nodes, width, height, left, top) {
    ["x", "y"].forEach(function (axis) {
      var room = axis === "x" ? width : height, margin = axis === "x" ? left : top;
      var values = nodes.map(function (node) { return node[axis]; });
      var least = Math.min.apply(null, values), most = Math.max.apply(null, values);
      var scale = d3.scaleLinear().domain(least < most ? [least, most] : [least - 1, least + 1]).range([margin, room - margin]);
      nodes.forEach(function (node) { node[axis] = Math.round(scale(node[axis]) * 10) / 10; });
    });
  }
  function legend(box, names) {
    box.append(make("ul", { class: "legend series" }, names.slice(0, 24).map(function (name, i) {
      return make("li", { class: "series-" + i % COLOURS, lang: "zh-Hans", text: name });
    })));
  }

  // Word cloud. Words are elements, so that dark mode and fonts are those of the style sheet.
  var cloud = $("cloud");
  function drawCloud() {
    var tags = all("#tags li");
    var font = getComputedStyle(root).getPropertyValue("--serif");
    cloud.hidden = false;
    var width = cloud.clientWidth, height = cloud.clientHeight;
    if (width === 0) return;
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
      classes: function (word) { return level.get(word); },
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
  }
  var boxes = all("[data-chart]");
  if (cloud && window.WordCloud && WordCloud.isSupported) {
    // The library draws on a canvas only to see which room a word takes. It takes its whole box and
    // a margin: else small words slip into the gaps of large ones, and neighbours read as one word.
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
      var em = parseFloat(/([\d.]+)px/.exec(this.font)[1]);
      this.fillRect(x - em * 0.12, y - em * 0.5, this.measureText(text).width + em * 0.24, em * 1.06);
    };
    cloud.dataset.chart = "cloud";
    boxes.push(cloud);
  }
  function draw(box) {
    // Charts that a document's page hides have no width to be drawn in.
    if (box.parentElement.clientWidth === 0) return;
    box.hidden = false;
    box.drawn = box.clientWidth;
    charts[box.dataset.chart](box);
  }
  var near = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) { if (entry.isIntersecting && entry.target.drawn !== entry.target.clientWidth) draw(entry.target); });
  }, { rootMargin: "400px 0px" });
  var timer = 0;
  var resized = new ResizeObserver(function () {
    clearTimeout(timer);
    timer = setTimeout(function () {
      boxes.forEach(function (box) { if (box.drawn && box.clientWidth && box.clientWidth !== box.drawn) draw(box); });
    }, 150);
  });
  boxes.forEach(function (box) { box.hidden = false; near.observe(box); resized.observe(box); });
  relabel.push(function () { boxes.forEach(function (box) { if (box.drawn && box.dataset.chart === "trends") draw(box); }); });

  // Paper shows what is folded away on the screen.
  var folded = [];
  addEventListener("beforeprint", function () {
    folded = all("details:not([open])");
    folded.forEach(function (details) { details.open = true; });
    boxes.forEach(function (box) { if (!box.drawn) draw(box); });
  });
  addEventListener("afterprint", function () {
    folded.forEach(function (details) { details.open = false; });
  });

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

  language($("ui-zh").checked ? "zh" : "en");
  route();
  root.dataset.ready = "true";
})();
