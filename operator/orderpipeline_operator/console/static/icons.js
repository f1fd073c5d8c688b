// Signs, drawn by hand. They never stand alone: a word beside them, shown or hidden, says the same.
import {svg, html} from './vendor/lit-html.js';

const PATHS = {
  mark: svg`<path d="M3 8h5c5 0 3 8 8 8h5M3 16h3M18 8h3"/>`,
  good: svg`<circle cx="12" cy="12" r="9"/><path d="m8 12 3 3 5-6"/>`,
  info: svg`<circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8v.01"/>`,
  warn: svg`<path d="M12 4 2.8 20h18.4z"/><path d="M12 10v4M12 17v.01"/>`,
  bad: svg`<path d="M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z"/><path d="M12 8v5M12 16v.01"/>`,
  unknown: svg`<circle cx="12" cy="12" r="9" stroke-dasharray="3 3"/><path d="M10 10a2 2 0 1 1 2.6 2c-.4.2-.6.5-.6 1M12 16v.01"/>`,
  sun: svg`<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4"/>`,
  moon: svg`<path d="M20 14a8 8 0 1 1-10-10 7 7 0 0 0 10 10z"/>`,
  auto: svg`<circle cx="12" cy="12" r="8"/><path d="M12 4v16a8 8 0 0 0 0-16z" fill="currentColor"/>`,
  copy: svg`<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M15 5H6a2 2 0 0 0-2 2v9"/>`,
  search: svg`<circle cx="11" cy="11" r="6"/><path d="m20 20-4.5-4.5"/>`,
  ingress: svg`<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18"/>`,
  producers: svg`<path d="M4 12h10M10 7l5 5-5 5M18 5v14"/>`,
  topic: svg`<rect x="3" y="5" width="18" height="4" rx="1"/><rect x="3" y="10" width="18" height="4" rx="1"/><rect x="3" y="15" width="18" height="4" rx="1"/>`,
  consumers: svg`<circle cx="8" cy="8" r="3"/><circle cx="16" cy="8" r="3"/><path d="M3 19c0-3 2-5 5-5s5 2 5 5M13 15c1-.7 2-1 3-1 3 0 5 2 5 5"/>`,
  sink: svg`<ellipse cx="12" cy="6" rx="8" ry="3"/><path d="M4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"/>`,
  letter: svg`<rect x="3" y="5" width="18" height="14" rx="2"/><path d="m3 7 9 7 9-7"/>`,
};

export const icon = (name) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${PATHS[name]}</svg>`;
