// Returns what a person could not read or use on the page, one text each: text with a
// contrast below WCAG AA (4.5 to 1), a control without a name, a page wider than the window.
(() => {
  const found = [];
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const linear = (value) => (value <= 0.04045 * 255 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = (color) => {
    const [red, green, blue] = channels(color).map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const probe = document.body.appendChild(document.createElement("div"));
  probe.style.backgroundColor = "Canvas"; // what the browser paints under a page, in its color scheme
  const canvas = getComputedStyle(probe).backgroundColor;
  probe.remove();
  const background = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return canvas;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest("script, style, noscript, :disabled")) continue;
    const [one, two] = [getComputedStyle(element).color, background(element)].map(luminance);
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (contrast < 4.5) found.push(`contrast ${contrast.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  for (const control of document.querySelectorAll("input, textarea, select, button, a")) {
    const name = control.textContent.trim() || control.getAttribute("aria-label") || [...(control.labels ?? [])].map((label) => label.textContent).join("").trim();
    if (!name) found.push(`no name: ${control.outerHTML.slice(0, 80)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push(`${document.documentElement.scrollWidth} px wide in a window of ${innerWidth}`);
  if (!document.documentElement.lang || !document.title) found.push("no language or no title");
  return found;
})()
