// The shell: the address decides what is shown, one stream brings it, and each view is drawn from the newest state.
import {html, nothing, render} from './vendor/lit-html.js';
import {Stream} from './stream.js';
import {icon} from './icons.js';
import {overviewPage} from './overview.js';
import {nowPage} from './now.js';
import {partitionsPage} from './partitions.js';
import {messagesPage} from './messages.js';
import {kafkaPage} from './kafka.js';

const MOST_POINTS = 900;
const TABS = [
  ['', 'Now'],
  ['partitions', 'Partitions'],
  ['messages', 'Messages'],
  ['dead-letters', 'Dead letters'],
  ['kafka', 'Kafka'],
];
const PAGES = {
  '': nowPage,
  partitions: partitionsPage,
  messages: (state, update) => messagesPage(state, update, 'orders'),
  'dead-letters': (state, update) => messagesPage(state, update, 'deadLetters'),
  kafka: kafkaPage,
};

const state = {route: {}, view: null, points: [], link: {state: 'waiting', text: ''}, ui: {}};
let stream = null;
let due = false;

// Draws once a frame, however often something has changed.
export function update(change) {
  change?.();
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

function routeOf(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [namespace, name, tab = ''] = path.split('/').map(decodeURIComponent);
  return {namespace, name, tab: tab in PAGES ? tab : '', query: new URLSearchParams(query)};
}

function connect() {
  const {namespace, name, query} = state.route;
  const url = name
    ? `api/pipelines/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/events`
    : `api/events?${query}`;
  if (stream?.url === url) return;
  stream?.close();
  state.link = {state: 'waiting', text: ''};
  stream = new Stream(url, receive, (link) => update(() => (state.link = link)));
}

function receive(view, whole) {
  if (view.points) {
    const last = whole || !state.points.length ? -Infinity : state.points.at(-1)[0];
    const known = whole ? [] : state.points;
    state.points = [...known, ...view.points.filter((point) => point[0] > last)].slice(-MOST_POINTS);
  }
  update(() => (state.view = view));
}

function go() {
  const before = state.route;
  state.route = routeOf(location.hash);
  const {namespace, name, tab} = state.route;
  if (before.namespace !== namespace || before.name !== name) {
    state.view = null;
    state.points = [];
    state.ui = {};
  }
  document.title = name ? `${name} · ${TABS.find(([id]) => id === tab)[1]} · OrderPipeline` : 'OrderPipeline';
  connect();
  update();
  if (before.tab !== undefined && (before.tab !== tab || before.name !== name)) {
    requestAnimationFrame(() => document.querySelector('h1')?.focus());
  }
}

function themeButton() {
  const root = document.documentElement;
  const now = root.dataset.theme ?? 'auto';
  const next = {auto: 'dark', dark: 'light', light: 'auto'}[now];
  const choose = () => {
    if (next === 'auto') delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      localStorage.setItem('theme', next);
    } catch {
      // It holds for this page then.
    }
    document.dispatchEvent(new Event('theme'));
    update();
  };
  return html`<button class="quiet" @click=${choose} title="Colours: ${now}. Switch to ${next}">
    ${icon({auto: 'auto', dark: 'moon', light: 'sun'}[now])}<span class="hidden">Colours: ${now}. Switch to ${next}</span>
  </button>`;
}

function linkState() {
  const words = {live: 'Live', waiting: state.view ? 'Reconnecting' : 'Connecting', refused: 'Not available'};
  return html`<span class="link ${state.link.state}" role="status"><i aria-hidden="true"></i>${words[state.link.state]}</span>`;
}

function top() {
  const {namespace, name} = state.route;
  return html`<header class="top">
    <a class="brand" href="#/">${icon('mark')}<span>OrderPipeline</span></a>
    ${name ? html`<span class="crumb"><span class="slash" aria-hidden="true">/</span><span class="place"><span class="faint">${namespace}</span>
      <span class="slash" aria-hidden="true">/</span></span><strong>${name}</strong></span>` : nothing}
    <span class="room"></span>
    ${linkState()} ${themeButton()}
  </header>`;
}

function tabs() {
  const {namespace, name, tab} = state.route;
  const base = `#/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  return html`<nav class="tabs" aria-label="Views of this pipeline">
    ${TABS.map(([id, label]) => html`<a href=${id ? `${base}/${id}` : base} aria-current=${id === tab ? 'page' : nothing}
      >${label}${badge(id)}</a>`)}
  </nav>`;
}

// What a tab has to say while another one is open.
function badge(id) {
  const view = state.view;
  if (!view?.partitions) return nothing;
  const numbers = {
    partitions: view.partitions.named.length,
    'dead-letters': view.kafka?.dead ?? 0,
    kafka: view.kafka?.underReplicated.length ?? 0,
  };
  return numbers[id] ? html` <span class="badge">${numbers[id] > 999 ? '999+' : numbers[id]}</span>` : nothing;
}

function body() {
  if (state.link.state === 'refused') {
    return html`<h1 tabindex="-1">Not available</h1>
      <p class="refused">${icon('bad')} ${state.link.text}</p>
      <p><a href="#/">All pipelines</a></p>`;
  }
  if (!state.view) return html`<h1 tabindex="-1" class="hidden">Loading</h1><div class="loading" role="status">Loading</div>`;
  return state.route.name ? PAGES[state.route.tab](state, update) : overviewPage(state, update);
}

function draw() {
  const {name} = state.route;
  const fits = !state.view || Boolean(name) === Boolean(state.view.partitions);
  if (!fits) state.view = null;
  render(html`${top()} ${name ? tabs() : nothing}
    <main id="main" tabindex="-1" class=${state.link.state === 'waiting' && state.view ? 'stale' : ''}>${body()}</main>`,
    document.getElementById('app'));
}

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});
addEventListener('hashchange', go);
go();
