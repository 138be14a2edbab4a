/** Line drawings on a grid of 24, one or more strokes each. */
const DRAWINGS = {
  phone: ["M7 3.5h2.2l1.7 4.4-2.1 1.5a12 12 0 0 0 5.8 5.8l1.5-2.1 4.4 1.7V17a3 3 0 0 1-3 3A14.5 14.5 0 0 1 4 6.5a3 3 0 0 1 3-3z"],
  video: ["M4 7.5a1.5 1.5 0 0 1 1.5-1.5h8a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-8a1.5 1.5 0 0 1-1.5-1.5z", "m15 10.5 5-3v9l-5-3"],
  videoOff: ["M4 7.5a1.5 1.5 0 0 1 1.5-1.5h8a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-8a1.5 1.5 0 0 1-1.5-1.5z", "m15 10.5 5-3v9l-5-3", "M3 3l18 18"],
  microphone: ["M12 3.5a2.5 2.5 0 0 1 2.5 2.5v5.5a2.5 2.5 0 0 1-5 0V6A2.5 2.5 0 0 1 12 3.5z", "M6 11a6 6 0 0 0 12 0", "M12 17v3.5"],
  muted: ["M12 3.5a2.5 2.5 0 0 1 2.5 2.5v5.5a2.5 2.5 0 0 1-5 0V6A2.5 2.5 0 0 1 12 3.5z", "M6 11a6 6 0 0 0 12 0", "M12 17v3.5", "M4 4l16 16"],
  hold: ["M9 6v12", "M15 6v12"],
  resume: ["M8 5.5v13l10.5-6.5z"],
  keypad: ["M6 6h.01", "M12 6h.01", "M18 6h.01", "M6 12h.01", "M12 12h.01", "M18 12h.01", "M6 18h.01", "M12 18h.01", "M18 18h.01"],
  transfer: ["M4 8h14", "m14.5 4.5 3.5 3.5-3.5 3.5", "M20 16H6", "m9.5 12.5-3.5 3.5 3.5 3.5"],
  join: ["M4 7h5l6 10h5", "M4 17h5l1.8-3", "m13.2 10 1.8-3h5"],
  chat: ["M5 5h14a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 19 16h-7l-4.5 4v-4H5a1.5 1.5 0 0 1-1.5-1.5v-8A1.5 1.5 0 0 1 5 5z"],
  history: ["M12 4a8 8 0 1 1-7.5 5.2", "M4 4.5v5h5", "M12 8v4.5l3 2"],
  send: ["M4 12l16-7.5-5 15.5-3.5-6z", "M11.5 14 20 4.5"],
  close: ["M6 6l12 12", "M18 6 6 18"],
  leave: ["M14 5H6.5A1.5 1.5 0 0 0 5 6.5v11A1.5 1.5 0 0 0 6.5 19H14", "M10 12h10", "m16.5 8.5 3.5 3.5-3.5 3.5"],
  theme: ["M12 4a8 8 0 1 0 0 16z", "M12 4a8 8 0 0 1 0 16"],
  outgoing: ["M7 17 17 7", "M9 7h8v8"],
  incoming: ["M17 7 7 17", "M15 17H7V9"],
  back: ["m14 6-6 6 6 6"],
} as const;

export type Icon = keyof typeof DRAWINGS | "hangUp";

const SVG = "http://www.w3.org/2000/svg";

/** A drawing that screen readers pass over: the label stands on the button. The style sheet lays down `hangUp`. */
export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  for (const stroke of DRAWINGS[name === "hangUp" ? "phone" : name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", stroke);
    svg.append(path);
  }
  return svg;
}
