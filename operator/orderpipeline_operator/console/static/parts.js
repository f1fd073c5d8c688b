// Small pieces that several pages share.
import {html, nothing} from './vendor/lit-html.js';
import {icon} from './icons.js';

export const TONES = {good: 'Well', info: 'Note', warn: 'Warning', bad: 'Problem', unknown: 'Not known'};

export const tone = (name, word = TONES[name]) =>
  html`<span class="tone ${name}">${icon(name)}<span>${word}</span></span>`;

async function copy(event) {
  const button = event.currentTarget;
  const said = button.querySelector('.said');
  try {
    await navigator.clipboard.writeText(button.dataset.text);
    said.textContent = 'Copied';
  } catch {
    said.textContent = 'Select and copy it';
  }
  setTimeout(() => (said.textContent = ''), 2000);
}

export const command = (text) => text
  ? html`<div class="command"><code tabindex="0" role="region" aria-label="Command">${text}</code><button class="quiet" @click=${copy} data-text=${text}
      >${icon('copy')}<span class="hidden">Copy the command ${text}</span><span class="said" role="status"></span></button></div>`
  : nothing;

export const figure = (label, value, unit = '', note = '') => html`<div class="figure">
  <dt>${label}</dt><dd><b>${value}</b>${unit ? html` <span class="unit">${unit}</span>` : nothing}${note ? html`<small>${note}</small>` : nothing}</dd>
</div>`;

// A share of a whole as a bar; the figure beside it says the same.
export const bar = (share, kind = '') => html`<svg class="bar ${kind}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
  <rect class="rail" width="100" height="6" rx="3"></rect>
  <rect width=${Math.max(0, Math.min(share, 1)) * 100} height="6" rx="3"></rect></svg>`;

export const empty = (title, text) => html`<div class="empty">${icon('info')}<div><strong>${title}</strong><p>${text}</p></div></div>`;
