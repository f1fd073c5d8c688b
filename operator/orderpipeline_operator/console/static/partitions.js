// The partitions as a heat map, the hot and stuck ones by name, and the members with what each owns.
import {html, nothing} from './vendor/lit-html.js';
import {count, duration, known, plural, rate} from './format.js';
import {icon} from './icons.js';
import {bar, empty, tone} from './parts.js';

const [NUMBER, LAG, IN, OUT, AGE, STILL, OWNER, KIND] = [0, 1, 2, 3, 4, 5, 6, 7];
const METRICS = {
  lag: {label: 'Orders waiting', column: LAG, steps: [1, 10, 100, 1000, 10_000], format: count},
  age: {label: 'Age of the oldest', column: AGE, steps: [0.1, 1, 10, 60, 300], format: duration},
  in: {label: 'Arriving per second', column: IN, steps: [0.1, 1, 10, 100, 1000], format: rate},
  out: {label: 'Processed per second', column: OUT, steps: [0.1, 1, 10, 100, 1000], format: rate},
};
const KINDS = {hot: 'warn', stuck: 'bad'};

const heat = (metric, value) => (known(value) ? metric.steps.filter((step) => value >= step).length : 'u');

export function partitionsPage(state, update) {
  const {partitions, members} = state.view;
  const metric = METRICS[state.ui.metric ?? 'lag'];
  if (!partitions.rows.length) {
    return html`<h1 tabindex="-1">Partitions</h1>${empty('The partitions are not known', partitions.note || state.view.scaling.error || 'The first reading has not come yet.')}`;
  }
  return html`<div class="heading"><h1 tabindex="-1">${plural(partitions.count, 'partition')}</h1>${choice(state, update)}</div>
    ${named(partitions, state, update)}
    <section class="card" aria-labelledby="map"><h2 id="map" class="hidden">Heat map</h2>
      ${map(partitions, metric, state, update)} ${legend(metric)} ${detail(partitions, state)}</section>
    ${memberTable(members, partitions, state, update)}`;
}

function choice(state, update) {
  return html`<fieldset class="choice"><legend class="hidden">Colour by</legend>${Object.entries(METRICS).map(([id, {label}]) => html`<label>
    <input type="radio" name="metric" .checked=${id === (state.ui.metric ?? 'lag')} @change=${() => update(() => (state.ui.metric = id))}><span>${label}</span></label>`)}</fieldset>`;
}

function named(partitions, state, update) {
  if (!partitions.named.length) return nothing;
  return html`<section class="card" aria-labelledby="named"><h2 id="named">Worth a look</h2><ul class="conditions">
    ${partitions.named.map((one) => html`<li>${tone(KINDS[one.kind], one.kind === 'hot' ? 'Hot' : 'Stuck')}
      <div><p><button class="as-link" @click=${() => update(() => (state.ui.partition = one.partition))}>Partition ${one.partition}</button>: ${one.text}</p></div></li>`)}</ul></section>`;
}

const sizeOf = (number) => (number <= 48 ? 'large' : number <= 160 ? 'medium' : 'small');

function map(partitions, metric, state, update) {
  const chosen = state.ui.partition ?? partitions.rows[0][NUMBER];
  const member = state.ui.member;
  return html`<div class="heat ${sizeOf(partitions.rows.length)} ${member ? 'filtered' : ''}" role="listbox" tabindex="0" aria-label="Partitions by ${metric.label.toLowerCase()}"
      aria-activedescendant="p${chosen}" @keydown=${(event) => move(event, partitions, state, update)}>
    ${partitions.rows.map((row) => html`<div id="p${row[NUMBER]}" role="option" aria-selected=${row[NUMBER] === state.ui.partition}
      class="cell h${heat(metric, row[metric.column])} ${row[KIND]} ${member && partitions.owners[row[OWNER]] === member ? 'mine' : ''} ${row[NUMBER] === chosen ? 'active' : ''}"
      aria-label=${words(row, partitions)} title=${words(row, partitions)}
      @click=${() => update(() => (state.ui.partition = row[NUMBER]))}>${row[KIND] ? icon(KINDS[row[KIND]]) : row[NUMBER]}</div>`)}
  </div>`;
}

function words(row, {owners}) {
  const parts = [`Partition ${row[NUMBER]}`, `${plural(row[LAG], 'order')} waiting`, `${rate(row[IN])}/s in, ${rate(row[OUT])}/s out`,
    row[OWNER] < 0 ? 'owned by nobody' : `owned by ${owners[row[OWNER]]}`];
  if (row[KIND]) parts.splice(1, 0, row[KIND]);
  return parts.join('; ');
}

function move(event, partitions, state, update) {
  const cells = [...event.currentTarget.children];
  const chosen = state.ui.partition ?? partitions.rows[0][NUMBER]; // now, since keys may come faster than pages are drawn
  const here = partitions.rows.findIndex((row) => row[NUMBER] === chosen);
  const perRow = cells.filter((cell) => cell.offsetTop === cells[0].offsetTop).length;
  const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow, Home: -here, End: cells.length - 1 - here};
  if (!(event.key in steps)) return;
  event.preventDefault();
  const next = Math.min(Math.max(here + steps[event.key], 0), cells.length - 1);
  cells[next].scrollIntoView({block: 'nearest'});
  update(() => (state.ui.partition = partitions.rows[next][NUMBER]));
}

function legend(metric) {
  const labels = ['0', ...metric.steps.map((step) => `${metric.format(step)}+`)];
  return html`<ul class="legend">${labels.map((label, step) => html`<li><i class="cell h${step}" aria-hidden="true"></i>${label}</li>`)}
    <li>${icon('warn')} hot: more arrives than one consumer can do</li><li>${icon('bad')} stuck: nothing is processed</li></ul>`;
}

function detail({rows, owners}, state) {
  const row = rows.find((one) => one[NUMBER] === state.ui.partition);
  if (!row) return html`<p class="detail faint">Choose a partition to see its figures.</p>`;
  const {namespace, name} = state.route;
  return html`<dl class="detail"><div><dt>Partition</dt><dd>${row[NUMBER]}</dd></div><div><dt>Owner</dt><dd>${row[OWNER] < 0 ? 'nobody' : owners[row[OWNER]]}</dd></div>
    <div><dt>Waiting</dt><dd>${count(row[LAG])}</dd></div><div><dt>Oldest</dt><dd>${row[LAG] ? duration(row[AGE]) : UNWAITING}</dd></div>
    <div><dt>Arriving</dt><dd>${rate(row[IN])}/s</dd></div><div><dt>Processed</dt><dd>${rate(row[OUT])}/s</dd></div>
    <div><dt>Last progress</dt><dd>${row[STILL] ? `${duration(row[STILL])} ago` : 'now'}</dd></div>
    <div><dt>Messages</dt><dd><a href="#/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/messages?partition=${row[NUMBER]}">newest of it</a></dd></div></dl>`;
}

const UNWAITING = 'none waits';

function memberTable(members, partitions, state, update) {
  if (!members.length) return html`<section class="card"><h2>Members</h2><p class="faint">The group has no member, or Kafka does not say which.</p></section>`;
  const most = Math.max(...members.map((one) => one.count), 1);
  return html`<section class="card flush" aria-labelledby="members"><h2 id="members">${plural(members.length, 'member')}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of the members"><table class="rows stack"><thead><tr><th scope="col">Member</th><th scope="col">Partitions</th><th scope="col" class="n">Waiting</th>
      <th scope="col" class="n">Oldest</th><th scope="col" class="n">Arriving</th><th scope="col" class="n">Processed</th></tr></thead>
    <tbody>${members.map((one) => html`<tr class=${one.client === state.ui.member ? 'chosen' : ''}>
      <th scope="row"><button class="as-link" aria-pressed=${one.client === state.ui.member}
        @click=${() => update(() => (state.ui.member = one.client === state.ui.member ? null : one.client))}>${one.client}</button>${one.leaving ? html` <span class="badge">leaves next</span>` : nothing}</th>
      <td data-label="Partitions"><span class="owned">${bar(one.count / most)}<span>${count(one.count)}</span></span><small>${one.partitions}</small></td>
      <td class="n" data-label="Waiting">${count(one.lag)}</td><td class="n" data-label="Oldest">${one.lag ? duration(one.age) : '0 s'}</td>
      <td class="n" data-label="Arriving">${rate(one.in)}<span class="unit">/s</span></td><td class="n" data-label="Processed">${rate(one.out)}<span class="unit">/s</span></td></tr>`)}</tbody></table></div></section>`;
}
