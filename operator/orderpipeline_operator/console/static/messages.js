// The message browser, and the dead letters with their reasons. Both ask the server for a bounded number of messages.
import {html, nothing} from './vendor/lit-html.js';
import {bytes, count, moment, plural} from './format.js';
import {icon} from './icons.js';
import {command, empty} from './parts.js';

export function messagesPage(state, update, topic) {
  const {view, route} = state;
  const name = topic === 'orders' ? view.flow.topic.name : view.flow.deadLetters.name;
  const ui = (state.ui[topic] ??= {asked: null, answer: null, error: '', busy: false});
  const asked = `${route.query}`;
  if (name && ui.asked !== asked) {
    ui.asked = asked;
    ask(state, update, topic);
  }
  return html`<div class="heading"><h1 tabindex="-1">${topic === 'orders' ? 'Messages' : 'Dead letters'}</h1>${name ? html`<p class="faint"><code>${name}</code></p>` : nothing}</div>
    ${name ? html`${form(state, update, topic)} ${topic === 'deadLetters' ? command(view.commands.deadLetters) : nothing} ${result(ui, topic)}`
      : empty('There is no topic for dead letters', 'The failing orders of this pipeline are retried until they succeed: see spec.consumer.deadLetter.')}`;
}

async function ask(state, update, topic) {
  const ui = state.ui[topic];
  const {namespace, name, query} = state.route;
  const parameters = new URLSearchParams(query);
  parameters.set('topic', topic);
  update(() => (ui.busy = true));
  try {
    const reply = await fetch(`api/pipelines/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/messages?${parameters}`);
    const answer = await reply.json();
    update(() => Object.assign(ui, reply.ok ? {answer, error: ''} : {answer: null, error: answer.detail}));
  } catch {
    update(() => Object.assign(ui, {answer: null, error: 'The console does not answer.'}));
  }
  update(() => (ui.busy = false));
}

function form(state, update, topic) {
  const {query} = state.route;
  const value = (name) => query.get(name) ?? '';
  const submit = (event) => {
    event.preventDefault();
    const given = new URLSearchParams();
    for (const [name, text] of new FormData(event.target)) {
      const since = name === 'since' && text ? String(new Date(text).getTime()) : text;
      if (since) given.set(name, since);
    }
    const hash = `${location.hash.split('?')[0]}?${given}`;
    if (hash === location.hash) ask(state, update, topic);
    else location.hash = hash;
  };
  const since = value('since') ? localTime(Number(value('since'))) : '';
  return html`<form class="card ask" @submit=${submit}>
    <label>Partition <input name="partition" inputmode="numeric" pattern="[0-9]*" placeholder="all" .value=${value('partition')}></label>
    <label>From offset <input name="offset" inputmode="numeric" pattern="[0-9]*" placeholder="newest" .value=${value('offset')}></label>
    <label>From time <input name="since" type="datetime-local" step="1" .value=${since}></label>
    <label class="wide">Key (customer) <input name="key" autocomplete="off" maxlength="1024" placeholder="any" .value=${value('key')}></label>
    <label>At most <input name="limit" inputmode="numeric" pattern="[0-9]*" placeholder="50" .value=${value('limit')}></label>
    <button class="primary">Read</button>
  </form>`;
}

function localTime(milliseconds) {
  return moment(milliseconds).replace(' ', 'T');
}

function result(ui, topic) {
  if (ui.error) return html`<p class="refused" role="alert">${icon('bad')} ${ui.error}</p>`;
  if (!ui.answer) return html`<div class="loading" role="status">Reading</div>`;
  const {messages, scanned, more, hidden} = ui.answer;
  const note = html`<p class="note" role="status">${ui.busy ? 'Reading. ' : ''}${plural(messages.length, 'message')} of ${count(scanned)} looked at${more ? '; there may be more' : ''}.
    ${hidden.length ? html`Hidden fields: ${hidden.map((name, index) => html`${index ? ', ' : ''}<code>${name}</code>`)}.` : nothing}</p>`;
  if (!messages.length) {
    return html`${note}${topic === 'orders' ? empty('No message', 'None matches, or the topic is empty.') : empty('No dead letters', 'No order was given up.')}`;
  }
  return html`${topic === 'deadLetters' ? reasons(messages) : nothing}${note}<ol class="card flush messages">${messages.map((one) => message(one))}</ol>`;
}

function reasons(messages) {
  const numbers = new Map();
  for (const {error} of messages) numbers.set(error || 'no reason given', (numbers.get(error || 'no reason given') ?? 0) + 1);
  const sorted = [...numbers].sort(([, one], [, other]) => other - one).slice(0, 8);
  return html`<section class="card" aria-labelledby="reasons"><h2 id="reasons">Reasons</h2>
    <ul class="reasons">${sorted.map(([text, number]) => html`<li><b>${count(number)}</b><span>${text}</span></li>`)}</ul></section>`;
}

function message(one) {
  return html`<li><details><summary><span class="where">${one.partition}<span class="faint"> @ </span>${one.offset}</span>
      <time>${moment(one.timestamp)}</time><span class="key">${one.key ?? html`<span class="faint">no key</span>`}</span>
      <span class="said">${one.error || preview(one.value)}</span><span class="faint n">${bytes(one.size)}</span></summary>
    ${one.error ? html`<p class="reason">${icon('bad')}${one.error}</p>` : nothing}
    <pre tabindex="0">${one.value}</pre>${one.more ? html`<p class="faint">${count(one.more)} more characters are not shown.</p>` : nothing}
    ${Object.keys(one.headers).length ? html`<table class="steps"><caption>Headers</caption><tbody>${Object.entries(one.headers).map(([name, text]) => html`<tr><th scope="row">${name}</th><td>${text ?? html`<span class="faint">null</span>`}</td></tr>`)}</tbody></table>` : nothing}
  </details></li>`;
}

const preview = (value) => value.replace(/\s+/g, ' ').slice(0, 160);
