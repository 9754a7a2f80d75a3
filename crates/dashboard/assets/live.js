// Learns what changes while the page is open. All tabs of a browser share one stream: the tab that has the lock opens it and
// passes the topics on. The others tell it of which buckets they want to hear. Browsers have no locks on plain http; there,
// each tab has its own stream while it is visible.

const NAME = "bucketry-live";
/** How long a hidden tab still listens. */
const HIDDEN_MS = 30_000;
/** When a stream that was refused is tried again. */
const REFUSED_MS = 30_000;
/** How long tabs have to say what they show before another stream is opened for it. */
const GATHER_MS = 300;
/** The most buckets of one stream. */
const MOST_BUCKETS = 16;

/**
 * Calls `onTopics` with the topics that changed, and `onState` with whether the page learns of changes at all.
 * @param {{ url: string, buckets: string[], onTopics: (topics: string[]) => void, onState: (isLive: boolean) => void }} options
 */
export function listen(options) {
  let ending = null;
  let hiddenSince;
  const start = () => {
    if (ending) return;
    ending = new AbortController();
    const isShared = "locks" in navigator && "BroadcastChannel" in globalThis;
    if (isShared) share(options, ending.signal);
    else new Stream(options, ending.signal);
  };
  const stop = () => {
    ending?.abort();
    ending = null;
    options.onState(false);
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenSince);
    if (document.hidden) hiddenSince = setTimeout(stop, HIDDEN_MS);
    else start();
  });
  // A page that waits in the history must not hold a connection.
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => {
    if (event.persisted) start();
  });
  if (!document.hidden) start();
}

/** Waits for the lock, and listens to the tab that has it in the meantime. */
function share({ url, buckets, onTopics, onState }, signal) {
  const channel = new BroadcastChannel(NAME);
  /** The stream, in the tab that has the lock. */
  let stream;
  let isOpen = false;
  const introduce = () => channel.postMessage({ buckets });
  channel.addEventListener("message", ({ data }) => {
    if (data.buckets && stream) {
      channel.postMessage({ isOpen });
      stream.add(data.buckets);
    }
    if (stream || data.buckets) return;
    if (data.isNew) introduce();
    if ("isOpen" in data) onState(data.isOpen);
    if (data.topics) onTopics(data.topics);
  });
  signal.addEventListener("abort", () => channel.close());
  introduce();
  const lead = () => {
    channel.postMessage({ isNew: true });
    const passOn = {
      onTopics(topics) {
        channel.postMessage({ topics });
        onTopics(topics);
      },
      onState(isLive) {
        isOpen = isLive;
        if (!signal.aborted) channel.postMessage({ isOpen });
        onState(isLive);
      },
    };
    stream = new Stream({ url, buckets, ...passOn }, signal);
    return stream.ended;
  };
  // Rejected when the tab stops waiting.
  navigator.locks.request(NAME, { signal }, lead).catch(() => {});
}

/** A stream, until the signal ends it. */
class Stream {
  #options;
  #buckets;
  #open;
  #opening;
  #later;

  constructor(options, signal) {
    this.#options = options;
    this.#buckets = new Set(options.buckets);
    this.ended = new Promise((done) => {
      signal.addEventListener("abort", () => {
        clearTimeout(this.#later);
        this.#opening.close();
        this.#open?.close();
        done();
      });
    });
    this.#connect();
  }

  /** Opens another stream if these buckets are new to it. */
  add(buckets) {
    const before = this.#buckets.size;
    for (const bucket of buckets) this.#buckets.add(bucket);
    if (this.#buckets.size > before) this.#connectAfter(GATHER_MS);
  }

  #connectAfter(milliseconds) {
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#connect(), milliseconds);
  }

  #connect() {
    const { url, onTopics, onState } = this.#options;
    const query = [...this.#buckets].slice(-MOST_BUCKETS).map((bucket) => `bucket=${bucket}`).join("&");
    const source = new EventSource(query ? `${url}?${query}` : url);
    this.#opening = source;
    source.addEventListener("open", () => {
      // The one before stays until this one is open, so that nothing is missed.
      if (this.#open !== source) this.#open?.close();
      this.#open = source;
      onState(true);
    });
    source.addEventListener("message", ({ data }) => onTopics(data.split(" ")));
    source.addEventListener("error", () => {
      if (source === this.#open) onState(false);
      // The browser connects again after a failure, but not after a refusal.
      if (source.readyState === EventSource.CLOSED && source === this.#opening) this.#connectAfter(REFUSED_MS);
    });
  }
}
