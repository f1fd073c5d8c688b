// All pipelines: the server searches, sorts and cuts into pages.
import {html, nothing} from './vendor/lit-html.js';
import {count, duration, known, plural, rate} from './format.js';
import {icon} from './icons.js';
import {empty, tone} from './parts.js';

const SORTS = {state: 'Worst first', name: 'Name', lag: 'Most orders waiting', age: 'Oldest order', in: 'Most arriving', consumers: 'Most consumers'};

const STATE_WORDS = {good: 'well', info: 'to note', warn: 'with warnings', bad: 'not well', unknown: 'not known'};

function ask(query, changes) {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return `#/?${next}`;
}

let typing;
function search(event, query) {
  const value = event.target.value;
  clearTimeout(typing);
  typing = setTimeout(() => history.replaceState(null, '', ask(query, {search: value, page: ''})) ?? dispatchEvent(new Event('hashchange')), 200);
}

export function overviewPage(state) {
  const {view, route} = state;
  const query = route.query;
  const tones = Object.entries(view.tones).filter(([, number]) => number);
  return html`<div class="heading"><h1 tabindex="-1">Pipelines</h1>
      <p class="tones">${tones.map(([name, number]) => tone(name, `${count(number)} ${STATE_WORDS[name]}`))}</p></div>
    <form class="filters" role="search" @submit=${(event) => event.preventDefault()}>
      <label class="search"><span class="hidden">Search by namespace, name, state or topic</span>${icon('search')}
        <input type="search" placeholder="Search by namespace, name, state or topic" autocomplete="off" maxlength="200"
          .value=${query.get('search') ?? ''} @input=${(event) => search(event, query)}></label>
      <label>Order <select @change=${(event) => (location.hash = ask(query, {sort: event.target.value, page: ''}))}>
        ${Object.entries(SORTS).map(([id, label]) => html`<option value=${id} ?selected=${id === (query.get('sort') ?? 'state')}>${label}</option>`)}
      </select></label>
    </form>
    ${view.rows.length ? table(view) : none(view)}
    ${view.pages > 1 ? pages(view, query) : nothing}`;
}

function none(view) {
  return view.all
    ? empty('Nothing matches', 'No pipeline has all of these words in its namespace, name, state or topic.')
    : empty('No pipelines', 'None is here that you may get. Apply an OrderPipeline, such as examples/shop.yaml.');
}

function table(view) {
  return html`<div class="card flush scroll" tabindex="0" role="region" aria-label="Pipelines"><table class="rows stack">
    <thead><tr><th scope="col">Pipeline</th><th scope="col">State</th><th scope="col" class="n">Arriving</th><th scope="col" class="n">Processed</th>
      <th scope="col" class="n">Waiting</th><th scope="col" class="n">Oldest</th><th scope="col" class="n">Consumers</th><th scope="col">Why so many</th></tr></thead>
    <tbody>${view.rows.map((row) => html`<tr>
      <th scope="row"><a href="#/${encodeURIComponent(row.namespace)}/${encodeURIComponent(row.name)}"><span class="faint">${row.namespace}/</span>${row.name}</a></th>
      <td data-label="State">${tone(row.tone, row.state)}</td>
      <td class="n" data-label="Arriving">${rate(row.in)}<span class="unit">/s</span></td>
      <td class="n" data-label="Processed">${rate(row.out)}<span class="unit">/s</span></td>
      <td class="n" data-label="Waiting">${count(row.lag)}</td>
      <td class="n" data-label="Oldest">${duration(row.age)}</td>
      <td class="n" data-label="Consumers">${count(row.consumers)}${known(row.desired) && row.desired !== row.consumers ? html`<span class="unit"> of ${count(row.desired)}</span>` : nothing}</td>
      <td class="why" data-label="Why">${row.why}</td></tr>`)}</tbody></table></div>`;
}

function pages(view, query) {
  const link = (page, label) => page >= 1 && page <= view.pages
    ? html`<a class="button" href=${ask(query, {page: page > 1 ? String(page) : ''})}>${label}</a>`
    : html`<span class="button off" aria-hidden="true">${label}</span>`;
  return html`<nav class="pages" aria-label="Pages">${link(view.page - 1, 'Previous')}
    <span>Page ${view.page} of ${view.pages}, ${plural(view.found, 'pipeline')}</span>${link(view.page + 1, 'Next')}</nav>`;
}
