// An image file, resized in a canvas to what an input takes.

import { element } from "./dom.js";

const RANGES = { "0 to 1": [0, 1], "0 to 255": [0, 255], "-1 to 1": [-1, 1] };
const SHOWN_ELEMENTS = 1024;

export function imageControls(field) {
  const { spec, id } = field;
  const file = element("input", { type: "file", accept: "image/*", id: `${id}-image` });
  const canvas = element("canvas", { role: "img", "aria-label": `Image for ${spec.name}`, hidden: true });
  const range = element("select", { id: `${id}-range` }, ...Object.keys(RANGES).map((name) => element("option", {}, name)));
  const isFloat = spec.datatype.startsWith("FP");
  const read = async () => {
    if (!file.files.length) return;
    try {
      const bitmap = await createImageBitmap(file.files[0]);
      field.image = pixels(bitmap, spec, canvas, isFloat ? RANGES[range.value] : [0, 255]);
      field.tell("");
      const isShort = field.image.values.length <= SHOWN_ELEMENTS;
      field.control.value = isShort ? field.image.data : "";
      field.control.placeholder = `${field.image.values.length} values of ${file.files[0].name}`;
      canvas.hidden = false;
    } catch {
      field.tell(`${file.files[0].name} is not an image that this browser reads.`);
    }
  };
  file.addEventListener("change", read);
  range.addEventListener("change", read);
  const parts = [element("label", { for: file.id }, "Image: "), file];
  if (isFloat) parts.push(element("label", { for: range.id }, "Pixels become "), range);
  return element("div", { class: "image" }, ...parts, canvas);
}

function pixels(bitmap, spec, canvas, [black, white]) {
  const layout = spec.image;
  canvas.width = layout.width === -1 ? bitmap.width : layout.width;
  canvas.height = layout.height === -1 ? bitmap.height : layout.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const count = canvas.width * canvas.height;
  const { channels } = layout;
  const scale = (white - black) / 255;
  const values = new Array(count * channels);
  for (let pixel = 0; pixel < count; pixel += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const place = layout.is_channels_first ? channel * count + pixel : pixel * channels + channel;
      values[place] = scaled(channels === 1 ? grey(data, 4 * pixel) : data[4 * pixel + channel]);
    }
  }
  function scaled(value) {
    if (!spec.datatype.startsWith("FP")) return spec.datatype === "INT8" ? Math.min(value, 127) : value;
    return Number((value * scale + black).toFixed(5));
  }
  return { values, data: JSON.stringify(values), shape: shapeOf(layout, canvas) };
}

// ITU-R BT.601, as Pillow converts to grey.
const grey = (data, at) => Math.round((data[at] * 299 + data[at + 1] * 587 + data[at + 2] * 114) / 1000);

function shapeOf(layout, { height, width }) {
  let shape = [height, width];
  if (layout.has_channel_axis) {
    shape = layout.is_channels_first ? [layout.channels, ...shape] : [...shape, layout.channels];
  }
  return layout.has_batch_axis ? [1, ...shape] : shape;
}
