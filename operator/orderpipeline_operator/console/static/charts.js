// Three charts with one cursor. The decisions are marked on that of the consumers, and a mark can be clicked.
import {clock, count, duration, rate} from './format.js';

const SYNC = 'pipeline';
const LOW = 132;
const HIGH = 164;
const RIGHT = 58;
const NEAR = 12;

const CHARTS = [
  {title: 'Orders per second', series: [[3, 'Arriving', '--in', rate], [4, 'Processed', '--out', rate]]},
  {title: 'Orders waiting', series: [[1, 'Waiting', '--lag', count, true], [2, 'Oldest', '--age', duration, false, 'age']], right: 'age'},
  {title: 'Consumers', series: [[6, 'Desired', '--desired', count, false, 'y', true], [5, 'At work', '--running', count, true, 'y', true]], marks: true},
];

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const at = (decision) => Date.parse(decision.at) / 1000;

const size = (width) => ({width, height: width >= 640 ? HIGH : LOW});
const moments = (value, values) => (values.length > 1 && values[1] - values[0] < 60 ? clock(value * 1000) : clock(value * 1000).slice(0, 5));

function options(chart, width, owner) {
  const axis = {stroke: color('--faint'), grid: {stroke: color('--hair'), width: 1}, ticks: {show: false}, font: '12px system-ui, sans-serif', gap: 6};
  const whole = (_, values) => values.map((value) => (Number.isInteger(value) ? count(value) : ''));
  return {
    ...size(width), padding: [10, chart.right ? 0 : RIGHT, 0, 0],
    cursor: {sync: {key: SYNC}, y: false, points: {size: 7}, drag: {x: false, y: false}},
    legend: {show: true, live: true, markers: {width: 3}},
    scales: {x: {time: true}, y: {range: (_, low, high) => [0, Math.max(high * 1.15, 4)]}, age: {range: (_, low, high) => [0, Math.max(high * 1.3, 10)]}},
    axes: [
      {...axis, size: 26, values: (_, values) => values.map((value) => moments(value, values)), space: 74},
      {...axis, size: 52, values: whole, space: 28},
      ...(chart.right ? [{...axis, scale: chart.right, side: 1, size: RIGHT, grid: {show: false}, values: (_, values) => values.map(duration), space: 28}] : []),
    ],
    series: [
      {label: 'Time', value: (_, value) => (value === null ? '' : clock(value * 1000))},
      ...chart.series.map(([, label, name, format, fill, scale = 'y', stepped]) => ({
        label, scale, stroke: color(name), width: 2, points: {show: false}, spanGaps: false,
        fill: fill ? color(`${name}-fill`) : undefined, value: (_, value) => format(value),
        paths: stepped ? uPlot.paths.stepped({align: 1}) : undefined,
      })),
    ],
    hooks: chart.marks ? {draw: [(plot) => drawMarks(plot, owner)], ready: [(plot) => plot.over.addEventListener('click', (event) => owner.click(plot, event))]} : {},
  };
}

function drawMarks(plot, owner) {
  const {ctx, bbox} = plot;
  const scale = devicePixelRatio;
  for (const decision of owner.decisions) {
    const x = plot.valToPos(at(decision), 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const up = decision.to > decision.from;
    const chosen = decision.at === owner.chosen;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color(chosen ? '--accent' : up ? '--up' : '--down');
    ctx.lineWidth = (chosen ? 2 : 1) * scale;
    ctx.setLineDash(chosen ? [] : [3 * scale, 3 * scale]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const size = (chosen ? 7 : 5) * scale;
    const y = bbox.top + size;
    ctx.beginPath();
    ctx.moveTo(x - size, y + (up ? size : -size) * 0.6);
    ctx.lineTo(x + size, y + (up ? size : -size) * 0.6);
    ctx.lineTo(x, y + (up ? -size : size) * 0.9);
    ctx.fill();
    ctx.restore();
  }
}

class Charts extends HTMLElement {
  points = [];
  decisions = [];
  chosen = null;
  onChoose = () => {};

  constructor() {
    super();
    for (const name of ['points', 'decisions', 'chosen']) {
      let value = this[name];
      Object.defineProperty(this, name, {get: () => value, set: (next) => { value = next; this.redraw(); }});
    }
  }

  connectedCallback() {
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this);
    this.rebuild = () => { this.remake(); this.redraw(); };
    document.addEventListener('theme', this.rebuild);
    this.system = matchMedia('(prefers-color-scheme: dark)');
    this.system.addEventListener('change', this.rebuild);
    this.remake();
  }

  disconnectedCallback() {
    this.resizing.disconnect();
    document.removeEventListener('theme', this.rebuild);
    this.system.removeEventListener('change', this.rebuild);
    this.plots?.forEach((plot) => plot.destroy());
    this.plots = null;
  }

  remake() {
    this.plots?.forEach((plot) => plot.destroy());
    this.replaceChildren();
    const width = Math.max(this.clientWidth, 200);
    this.plots = CHARTS.map((chart) => {
      const box = document.createElement('figure');
      const title = document.createElement('figcaption');
      title.textContent = chart.title;
      box.append(title);
      this.append(box);
      const plot = new uPlot(options(chart, width, this), [[], ...chart.series.map(() => [])], box);
      plot.root.setAttribute('role', 'img');
      return plot;
    });
    this.redraw();
  }

  resize() {
    const width = Math.max(this.clientWidth, 200);
    this.plots?.forEach((plot) => plot.width !== width && plot.setSize(size(width)));
  }

  redraw() {
    if (!this.plots || this.waiting) return;
    this.waiting = true;
    queueMicrotask(() => {
      this.waiting = false;
      this.plots?.forEach((plot, index) => this.fill(plot, CHARTS[index]));
    });
  }

  fill(plot, chart) {
    const columns = [0, ...chart.series.map(([column]) => column)];
    plot.setData(columns.map((column) => this.points.map((point) => point[column])));
    if (plot.cursor.idx === null || plot.cursor.idx === undefined || plot.cursor.left < 0) plot.setLegend({idx: this.points.length - 1});
    const last = this.points.at(-1);
    const words = chart.series.map(([column, label, , format]) => `${label.toLowerCase()} ${format(last?.[column])}`);
    plot.root.setAttribute('aria-label', `${chart.title} over the last ${duration(last ? last[0] - this.points[0][0] : null)}; now: ${words.join(', ')}`);
  }

  click(plot, event) {
    const x = event.offsetX;
    const near = this.decisions.map((decision) => [Math.abs(plot.valToPos(at(decision), 'x') - x), decision]).filter(([far]) => far <= NEAR);
    near.sort(([one], [other]) => one - other);
    this.onChoose(near.length ? near[0][1].at : null);
  }
}

customElements.define('op-charts', Charts);
