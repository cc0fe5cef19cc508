// The browser's half of the dashboard: addresses, pieces of HTML, charts. No build step, nothing from outside.

const source = [...document.querySelectorAll("style")].find((style) => style.textContent.includes("--armlift"))
const sheet = new CSSStyleSheet()
sheet.replaceSync(source?.textContent ?? "")

function dress(view, tag, name) {
  view.shadow_el.adoptedStyleSheets = [...view.shadow_el.adoptedStyleSheets, sheet]
  view.container.style.height = "100%" // parts beside each other are equally high
  const el = document.createElement(tag)
  el.className = name
  return el
}

// Replaces the content, but leaves the focus where it was.
function fill(el, html) {
  const focused = el.getRootNode().activeElement?.id
  const open = [...el.querySelectorAll("details[open][id]")].map((each) => each.id)
  el.innerHTML = html
  for (const id of open) el.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "")
  if (focused) el.querySelector(`#${CSS.escape(focused)}`)?.focus()
}

const Html = {
  render({model, view}) {
    const el = dress(view, "div", "html")
    fill(el, model.html)
    model.on("html", () => fill(el, model.html))
    return el
  },
}

// A page in words: the live one, which comes after it in the same place, is made ready out of sight.
const FirstLook = {
  render({model, view}) {
    const el = dress(view, "div", "html first")
    const busy = (is) => {
      el.setAttribute("aria-busy", String(is))
      view.el.toggleAttribute("data-ahead", is)
    }
    let waiting = null
    const leave = () => {
      const page = view.parent.child_views.find((each) => each !== view)
      if (page?.is_idle) {
        busy(false)
        model.html = ""
      } else waiting = setTimeout(leave, 40)
    }
    model.on("html", () => fill(el, model.html))
    model.on("remove", () => clearTimeout(waiting))
    fill(el, model.html)
    busy(Boolean(model.html))
    if (model.html) waiting = setTimeout(leave, 40)
    return el
  },
}

// Keeps the address and the view the same: links and the back button change the view, the view the address.
const Navigator = {
  render({model, view}) {
    const el = dress(view, "div", "navigator")
    const now = () => window.location.search || "?"
    const frame = () => [...view.model.document?._all_models.values() ?? []].find((one) => one.class_name === "Page")
    const reflect = () => {
      const {data} = frame() ?? {}
      if (data && data.dark_theme !== model.dark) data.dark_theme = model.dark
      document.documentElement.lang = model.language
      document.documentElement.dataset.mode = model.dark ? "dark" : "light"
      document.title = model.title
    }
    const changed = () => { model.query = now() }
    const follow = (event) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
      const link = event.composedPath().find((node) => node.tagName === "A")
      const href = link?.getAttribute("href")
      if (!href?.startsWith("?")) return
      event.preventDefault()
      makeRoom()
      if (href !== now()) window.history.pushState({}, "", href)
      changed()
      for (const scrolled of document.querySelectorAll("*")) {
        scrolled.shadowRoot?.querySelector(".main-content")?.scrollTo(0, 0)
      }
    }
    model.on("query", () => {
      if (model.query === now()) return
      const first = !window.history.state?.armlift
      window.history[first ? "replaceState" : "pushState"]({armlift: true}, "", model.query)
    })
    for (const name of ["language", "dark", "title"]) model.on(name, reflect)
    window.addEventListener("popstate", changed)
    document.addEventListener("click", follow)
    reflect()
    const narrow = window.matchMedia("(max-width: 599px)")
    // On a phone the menu lies above the page: it goes once the page is there or was chosen.
    const makeRoom = () => {
      const {data} = frame() ?? {}
      if (data && narrow.matches) data.sidebar_open = false
    }
    // The page's spacers are empty headings and its progress bar has no name: nothing to meet for a screen reader.
    const tidy = () => {
      for (const host of document.body.querySelectorAll("*")) {
        for (const spacer of host.shadowRoot?.querySelectorAll(".MuiToolbar-root > h5") ?? []) {
          spacer.setAttribute("role", "presentation")
        }
        for (const bar of host.shadowRoot?.querySelectorAll("header.header > [role=progressbar]") ?? []) bar.remove()
        const drawer = host.shadowRoot?.querySelector(".sidebar[role=dialog]")
        if (drawer) drawer.ariaLabel = model.menu
      }
    }
    for (const pause of [0, 500, 2000]) setTimeout(tidy, pause)
    document.addEventListener("click", () => setTimeout(tidy, 300))
    // The page around this part is there a moment later.
    setTimeout(() => {
      makeRoom()
      model.timezone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? ""
    }, 30)
    return el
  },
}

const Chart = {
  render({model, view}) {
    const el = dress(view, "section", "card chart")
    const id = `chart-${view.model.id}`
    el.setAttribute("aria-labelledby", id)
    el.innerHTML = `<header><h3 id="${id}"></h3><p class="sentence"></p><ul class="legend"></ul></header>
      <div class="player no-print" hidden><button type="button"></button><input type="range" min="0" step="1">
      <output></output></div><div class="figure" role="img"></div><p class="note" role="status"></p>`
    const [title, sentence, legend] = ["h3", ".sentence", ".legend"].map((part) => el.querySelector(part))
    const [figure, note] = [".figure", ".note"].map((part) => el.querySelector(part))
    let drawn = 0
    let views = null

    const words = () => {
      title.textContent = model.title
      sentence.textContent = model.sentence
      figure.setAttribute("aria-label", `${model.title}. ${model.sentence}`)
      legend.replaceChildren(...model.legend.map(([name, colour, dashed]) => {
        const entry = document.createElement("li")
        const mark = document.createElement("span")
        mark.className = dashed ? "mark dashed" : "mark"
        mark.style.setProperty("--colour", colour)
        entry.append(mark, name)
        return entry
      }))
    }
    const state = () => {
      figure.style.minHeight = `${model.figure_height}px`
      el.dataset.state = model.state
      el.setAttribute("aria-busy", String(model.state === "busy"))
      note.textContent = model.note
    }
    const draw = async () => {
      const turn = ++drawn
      if (!model.item) {
        views?.clear()
        views = null
        figure.replaceChildren()
        return
      }
      const place = document.createElement("div")
      place.className = "place"
      place.style.visibility = "hidden"
      figure.append(place)
      try {
        const fresh = await Bokeh.embed.embed_item(JSON.parse(model.item), place)
        if (turn !== drawn) {
          fresh?.clear?.()
          place.remove()
          return
        }
        const old = views
        views = fresh
        for (const other of [...figure.children]) if (other !== place) other.remove()
        place.style.visibility = ""
        old?.clear?.()
      } catch (error) {
        place.remove()
        if (turn === drawn) note.textContent = String(error)
      }
    }
    // Curves that are played: their heights at every moment are here, and the server is not asked.
    const player = el.querySelector(".player")
    const [button, slider, output] = ["button", "input", "output"].map((part) => player.querySelector(part))
    let film = null
    let timer = null
    const stop = () => {
      clearInterval(timer)
      timer = null
      button.textContent = model.play
    }
    const show = (moment) => {
      const [, moments, points] = film.shape
      output.textContent = slider.ariaValueText = film.moments[moment]
      slider.value = moment
      const lines = views?.roots?.[0]?.model.renderers.filter(({glyph}) => glyph?.type === "Line") ?? []
      lines.forEach((line, curve) => {
        const start = (curve * moments + moment) * points
        const data = {...line.data_source.data, [line.glyph.y.field]: film.heights.slice(start, start + points)}
        line.data_source.data = data
      })
    }
    const load = () => {
      stop()
      player.hidden = !model.frames
      film = null
      if (!model.frames) return
      film = JSON.parse(model.frames)
      const bytes = Uint8Array.from(atob(film.heights), (letter) => letter.charCodeAt(0))
      film.heights = new Float64Array(new Float32Array(bytes.buffer))
      slider.max = film.moments.length - 1
      slider.value = slider.max
      slider.ariaLabel = model.moment
      output.textContent = slider.ariaValueText = film.moments.at(-1)
    }
    slider.addEventListener("input", () => {
      stop()
      show(Number(slider.value))
    })
    button.addEventListener("click", () => {
      if (timer) return stop()
      const last = Number(slider.max)
      let moment = Number(slider.value) === last ? 0 : Number(slider.value)
      button.textContent = model.pause
      show(moment)
      timer = setInterval(() => {
        if (moment >= last) return stop()
        show(++moment)
      }, 180)
    })
    model.on("frames", load)
    model.on("remove", stop)
    model.on("item", draw)
    for (const name of ["title", "sentence", "legend"]) model.on(name, words)
    for (const name of ["state", "note"]) model.on(name, state)
    model.on("after_render", draw)
    words()
    state()
    load()
    return el
  },
}

export default {Html, FirstLook, Navigator, Chart}
