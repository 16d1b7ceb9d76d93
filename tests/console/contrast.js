// Of each text and each control that is shown: its contrast, and the least that it may have.
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [dark, light] = [luminance(a.slice(0, 3)), luminance(b.slice(0, 3))].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !isShown(element)) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    found.push({ what: walker.currentNode.textContent.trim().slice(0, 40),
      ratio: ratio(parse(style.color), ground(element)), wanted: isLarge ? 3 : 4.5 });
  }
  for (const control of document.querySelectorAll("input, textarea, select, button")) {
    if (!isShown(control) || control.type === "radio") continue;
    const style = getComputedStyle(control);
    found.push({ what: `text of ${control.id}`, ratio: ratio(parse(style.color), ground(control)), wanted: 4.5 });
    if (control.type !== "file" && control.id !== "send") {
      found.push({ what: `border of ${control.id}`, wanted: 3,
        ratio: ratio(parse(style.borderTopColor), ground(control.parentElement)) });
    }
  }
  return found;
}
