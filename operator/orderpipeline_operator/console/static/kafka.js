// Brokers with their disks, and partitions whose replicas are not all in sync.
import {html, nothing} from './vendor/lit-html.js';
import {bytes, count, plural} from './format.js';
import {icon} from './icons.js';
import {bar, empty, tone} from './parts.js';

export function kafkaPage(state) {
  const {kafka, conditions} = state.view;
  return html`<h1 tabindex="-1">Kafka</h1>${kafka ? cluster(kafka) : empty('Not known yet', 'Kafka is being asked, or the console has no access to it.')}
    ${strimzi(conditions)}`;
}

function cluster(kafka) {
  if (kafka.error) return html`<p class="refused" role="alert">${icon('bad')} ${kafka.error}</p>`;
  const fine = !kafka.underReplicated.length && !kafka.offline;
  return html`<section class="card" aria-labelledby="replicas"><h2 id="replicas">Replicas</h2>
      ${fine ? html`<p>${tone('good', 'All in sync')} ${plural(kafka.partitions, 'partition')} of this pipeline's topics, each on all of its brokers.</p>`
        : html`<p>${tone('bad', `${count(kafka.underReplicated.length)} under-replicated`)}${kafka.offline ? html` ${tone('bad', `${count(kafka.offline)} offline`)}` : nothing}</p>${replicas(kafka.underReplicated)}`}</section>
    <section class="card flush" aria-labelledby="brokers"><h2 id="brokers">${plural(kafka.brokers.length, 'broker')}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of the brokers"><table class="rows stack"><thead><tr><th scope="col">Broker</th><th scope="col">Address</th><th scope="col" class="n">Leads</th>
      <th scope="col" class="n">Replicas</th><th scope="col">Disk</th></tr></thead><tbody>${kafka.brokers.map(broker)}</tbody></table></div></section>`;
}

const broker = (one) => html`<tr><th scope="row">${one.node}${one.controller ? html` <span class="badge calm">controller</span>` : nothing}</th>
  <td data-label="Address"><code>${one.address}</code></td><td class="n" data-label="Leads">${count(one.leads)}</td><td class="n" data-label="Replicas">${count(one.replicas)}</td>
  <td data-label="Disk">${one.disks ? one.disks.map(disk) : html`<span class="faint">not known: ${one.error}</span>`}</td></tr>`;

function disk(one) {
  if (one.error) return html`<p>${tone('bad', 'Offline')} <code>${one.path}</code></p>`;
  const used = one.total && one.usable !== null ? 1 - one.usable / one.total : null;
  return html`<div class="disk">${used === null ? nothing : bar(used, used >= 0.95 ? 'warn' : '')}
    <span>${bytes(one.used)} of orders and logs${used === null ? '' : `; ${Math.round(used * 100)} % of ${bytes(one.total)} in use`}</span><small>${one.path}</small></div>`;
}

const replicas = (rows) => html`<div class="scroll" tabindex="0" role="region" aria-label="Under-replicated partitions"><table class="rows"><thead><tr><th scope="col">Topic</th><th scope="col" class="n">Partition</th><th scope="col" class="n">Leader</th><th scope="col">In sync</th><th scope="col">Missing</th></tr></thead>
  <tbody>${rows.map((one) => html`<tr><th scope="row">${one.topic}</th><td class="n">${one.partition}</td><td class="n">${one.leader ?? 'none'}</td>
    <td>${one.in_sync.join(', ')}</td><td class="miss">${one.replicas.filter((node) => !one.in_sync.includes(node)).join(', ')}</td></tr>`)}</tbody></table></div>`;

function strimzi(conditions) {
  const ours = conditions.filter((one) => one.type.startsWith('Kafka'));
  if (!ours.length) return nothing;
  return html`<section class="card" aria-labelledby="reported"><h2 id="reported">Reported</h2><ul class="conditions">${ours.map((one) => html`<li>${tone(one.tone, one.type)}
    <div><p><b>${one.reason}</b> ${one.message}</p>${one.do ? html`<p class="do">${one.do}</p>` : nothing}</div></li>`)}</ul></section>`;
}
