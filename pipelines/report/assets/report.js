// Draws the figures that stand in the page as JSON, in the colours of light or dark mode.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 700px)");
  const touch = matchMedia("(pointer: coarse)");
  const NAME = /^var\((--[\w-]+)\)$/;

  // Plotly knows no CSS variables: put in what they stand for now.
  const painted = (value, style) => {
    if (typeof value === "string") {
      const name = NAME.exec(value);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((one) => painted(one, style));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, painted(one, style)]));
    }
    return value;
  };

  const draw = (id) => {
    const style = getComputedStyle(document.documentElement);
    const { data, layout } = painted(figures[id], style);
    layout.font.family = style.getPropertyValue("--font");
    layout.hoverlabel.font.family = layout.font.family;
    // A finger that scrolls the page must not zoom a chart.
    layout.dragmode = touch.matches ? false : "zoom";
    if (narrow.matches) {
      for (const trace of data) {
        if (trace.type === "sankey") {
          trace.orientation = "v";
          layout.height = 560;
          layout.margin.r = 64; // the name of the last node
          trace.node.pad = 64; // two names side by side
        }
      }
    }
    const frame = document.getElementById(id);
    frame.style.height = `${layout.height}px`;
    return Plotly.react(frame, data, layout, { displayModeBar: false, responsive: true, locale: "en" });
  };

  // One by one, so that the page can be read and scrolled while the charts come.
  const drawAll = async () => {
    for (const id of Object.keys(figures)) {
      await draw(id);
      await new Promise((next) => setTimeout(next));
    }
    document.documentElement.dataset.charts = "drawn";
  };

  let turn = Promise.resolve();
  const again = () => {
    delete document.documentElement.dataset.charts;
    turn = turn.then(drawAll);
  };
  dark.addEventListener("change", again);
  narrow.addEventListener("change", again);
  again();
})();
