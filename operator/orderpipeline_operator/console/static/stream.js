// One stream of server-sent events: the whole view first, then what has changed. It connects again by itself.
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;

export class Stream {
  // onView(view, whole); onState({state: 'live' | 'waiting' | 'refused', text})
  constructor(url, onView, onState) {
    this.url = url;
    this.onView = onView;
    this.onState = onState;
    this.wait = FIRST_WAIT;
    this.open();
  }

  open() {
    this.source = new EventSource(this.url);
    this.source.addEventListener('all', (event) => this.receive(event, true));
    this.source.onmessage = (event) => this.receive(event, false);
    this.source.onerror = () => this.failed();
  }

  receive(event, whole) {
    this.wait = FIRST_WAIT;
    this.onState({state: 'live', text: ''});
    this.onView(JSON.parse(event.data), whole);
  }

  // The browser tries again unless the server has refused; then we ask it why, and try again later.
  async failed() {
    const source = this.source;
    const refused = source.readyState === EventSource.CLOSED;
    this.onState({state: 'waiting', text: 'The connection is lost; connecting again.'});
    if (!refused) return;
    const text = await this.reason();
    if (this.source !== source) return;
    if (text) this.onState({state: 'refused', text});
    this.timer = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }

  async reason() {
    try {
      const reply = await fetch(this.url.replace(/\/events/, (this.url.includes('/pipelines/') ? '' : '/pipelines')));
      return reply.ok ? '' : (await reply.json()).detail;
    } catch {
      return '';
    }
  }

  close() {
    clearTimeout(this.timer);
    const source = this.source;
    this.source = null;
    source.close();
  }
}
