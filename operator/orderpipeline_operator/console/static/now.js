// What happens now, what is wrong and what helps; the flow; lag, rates and consumers over time with each decision.
import {html, nothing} from './vendor/lit-html.js';
import {clock, count, duration, known, plural, rate} from './format.js';
import {icon} from './icons.js';
import {command, tone} from './parts.js';
import './charts.js';

export function nowPage(state, update) {
  const view = state.view;
  return html`<h1 tabindex="-1" class="hidden">${view.name} now</h1>
    ${verdict(view)} ${flow(view)}
    <div class="columns">
      <section class="card charts" aria-labelledby="over-time"><h2 id="over-time">Over time</h2>
        <op-charts .points=${state.points} .decisions=${view.scaling.decisions} .chosen=${state.ui.decision ?? null}
          .onChoose=${(at) => update(() => (state.ui.decision = at))}></op-charts></section>
      ${scaling(state, update)}
    </div>
    <div class="columns even">${conditions(view)} ${events(view)}</div>`;
}

function verdict(view) {
  const worst = view.problems[0];
  if (!worst) {
    return html`<section class="verdict good" aria-label="State">${icon('good')}<div><h2>All is well</h2>
      <p>${view.state}. ${sentence(view)}</p></div></section>`;
  }
  return html`<section class="verdicts" aria-label="What is wrong"><h2 class="hidden">What is wrong</h2>
    ${view.problems.map((one) => html`<article class="verdict ${one.tone}">${icon(one.tone)}<div>
      <h3>${one.title}</h3><p>${one.why}</p>${one.do ? html`<p class="do">${one.do}</p>` : nothing}${command(one.command)}</div></article>`)}
  </section>`;
}

function sentence(view) {
  const {flow: {topic, consumers, catchUp}} = view;
  if (!known(topic.lag)) return 'How many orders wait is not known yet.';
  if (!topic.lag) return `No order waits; ${plural(consumers.ready, 'consumer')} at work.`;
  const until = known(catchUp) ? ` None will in ${duration(catchUp)} if it goes on like this.` : '';
  return `${plural(topic.lag, 'order')} waiting, the oldest for ${duration(topic.age)}.${until}`;
}

// The faster, the faster it moves: one step for each power of ten.
const speed = (value) => (known(value) && value > 0 ? Math.min(Math.max(Math.ceil(Math.log10(value + 1)), 1), 5) : 0);

const pipe = (value, label) => html`<li class="pipe speed-${speed(value)}"><span class="line" aria-hidden="true"></span>
  <span class="rate"><b>${rate(value)}</b><span class="unit">/s ${label}</span></span></li>`;

const station = (sign, name, main, notes, kind = '') => html`<li class="station ${kind}"><h3>${icon(sign)}${name}</h3>
  <p class="main">${main}</p>${notes.filter(Boolean).map((note) => html`<p class="note">${note}</p>`)}</li>`;

const instances = ({ready, desired}) =>
  known(desired) && desired !== ready ? html`${count(ready)} <span class="unit">of ${count(desired)}</span>` : count(ready);

function flow(view) {
  const {ingress, producers, topic, consumers, sink, deadLetters} = view.flow;
  const lagging = known(topic.age) && topic.age >= 60;
  const [address, path] = splitUrl(ingress.url);
  const [handler, module] = (sink.type || '').split(':').reverse();
  return html`<section class="card" aria-labelledby="flow"><h2 id="flow">The way of an order</h2><ol class="flow">
    ${station('ingress', 'Order API', html`<span class="small">${address.replace(/:\d+$/, '')}<wbr>${/:\d+$/.exec(address)?.[0] ?? ''}</span>`, [path && html`<code>POST ${path}</code>`])}
    ${pipe(view.flow.in, 'in')}
    ${station('producers', 'Producers', instances(producers), ['at work'])}
    ${pipe(view.flow.in, 'written')}
    ${station('topic', 'Topic', count(topic.lag), [html`${topic.lag === 1 ? 'order' : 'orders'} waiting${known(topic.age) && topic.lag ? `, oldest ${duration(topic.age)}` : ''}`,
      html`<code>${topic.name}</code> ${plural(topic.partitions, 'partition')}`], lagging ? 'warn' : '')}
    ${pipe(view.flow.out, 'read')}
    ${station('consumers', 'Consumers', instances(consumers), ['at work', html`group <code>${consumers.group}</code>`])}
    ${pipe(view.flow.out, 'processed')}
    ${station('sink', 'Sink', html`<span class="small">${handler || 'not known'}</span>`, [module && html`<code>${module}</code>`, deadNote(deadLetters)], deadLetters.count ? 'warn' : '')}
  </ol></section>`;
}

function deadNote({name, count: number}) {
  if (!name) return 'no dead letters: failing orders are retried';
  return html`${known(number) ? plural(number, 'dead letter') : 'dead letters: not known'}`;
}

function splitUrl(url) {
  if (!url) return ['not known', ''];
  const found = /^(https?:\/\/[^/]+)(\/.*)?$/.exec(url);
  return found ? [found[1].replace(/^https?:\/\//, ''), found[2] ?? ''] : [url, ''];
}

function scaling(state, update) {
  const {latest, decisions, mode, bounds, error} = state.view.scaling;
  const chosen = decisions.find((one) => one.at === state.ui.decision);
  const shown = chosen ?? latest;
  const [lowest, highest] = bounds ?? [null, null];
  return html`<section class="card" aria-labelledby="why"><h2 id="why">Why so many consumers</h2>
    <p class="sub">${mode || 'Mode not known'}, ${count(lowest)} to ${count(highest)} allowed${error ? '; held, since the lag is not known' : ''}</p>
    ${shown ? arithmetic(shown, chosen) : html`<p class="faint">Nothing has been decided yet.</p>`}
    ${chosen ? html`<button @click=${() => update(() => (state.ui.decision = null))}>Show the present decision</button>` : nothing}
    <h3>Changes</h3>
    ${decisions.length ? html`<ol class="decisions">${decisions.toReversed().map((one) => html`<li><button class="decision ${one.to > one.from ? 'up' : 'down'}"
        aria-pressed=${one.at === state.ui.decision} @click=${() => update(() => (state.ui.decision = one.at === state.ui.decision ? null : one.at))}>
        <span class="when">${clock(Date.parse(one.at))}</span><span class="step">${count(one.from)} → ${count(one.to)}</span><span>${one.title}</span></button></li>`)}</ol>`
      : html`<p class="faint">The number has not been changed yet.</p>`}
  </section>`;
}

function arithmetic(decision, past) {
  return html`<div class="arithmetic ${past ? 'past' : ''}"><p class="lead"><b>${decision.title}</b>${past ? html` <span class="faint">at ${clock(Date.parse(decision.at))}</span>` : nothing}</p>
    <p>${decision.message}</p>
    <table class="steps"><caption class="hidden">The arithmetic of this decision</caption><tbody>
      ${decision.steps.map(([name, text]) => html`<tr><th scope="row">${name}</th><td>${text}</td></tr>`)}</tbody></table></div>`;
}

function conditions(view) {
  return html`<section class="card" aria-labelledby="conditions"><h2 id="conditions">Conditions</h2>
    ${view.conditions.length ? html`<ul class="conditions">${view.conditions.map((one) => html`<li>${tone(one.tone, one.type)}
      <div><p><b>${one.reason}</b> ${one.message}</p>${one.do ? html`<p class="do">${one.do}</p>` : nothing}</div></li>`)}</ul>`
      : html`<p class="faint">None has been reported yet.</p>`}</section>`;
}

function events(view) {
  return html`<section class="card" aria-labelledby="events"><h2 id="events">What happened</h2>
    ${view.events.length ? html`<ol class="events" tabindex="0" aria-label="What happened, newest first">${view.events.toReversed().map(([at, text]) => html`<li><time>${at}</time><span>${text}</span></li>`)}</ol>`
      : html`<p class="faint">Nothing yet.</p>`}</section>`;
}
