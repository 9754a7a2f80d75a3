// Learns what changes while the page is open. All tabs of a browser share one stream: the tab that has the lock opens it and
// passes the topics on. Browsers have no locks on plain http; there, each tab has its own stream while it is visible.

const NAME = "bucketry-live";
/** How long a hidden tab still listens. */
const HIDDEN_MS = 30_000;
/** When a stream that was refused is tried again. */
const REFUSED_MS = 30_000;

/**
 * Calls `onTopics` with the topics that changed, and `onState` with whether the page learns of changes at all.
 * @param {{ url: string, onTopics: (topics: string[]) => void, onState: (isLive: boolean) => void }} options
 */
export function listen({ url, onTopics, onState }) {
  let ending = null;
  let hiddenSince;
  const start = () => {
    if (ending) return;
    ending = new AbortController();
    const isShared = "locks" in navigator && "BroadcastChannel" in globalThis;
    if (isShared) share(url, ending.signal, onTopics, onState);
    else open(url, ending.signal, onTopics, onState);
  };
  const stop = () => {
    ending?.abort();
    ending = null;
    onState(false);
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
function share(url, signal, onTopics, onState) {
  const channel = new BroadcastChannel(NAME);
  let isLeader = false;
  let isOpen = false;
  channel.addEventListener("message", ({ data }) => {
    if (data.question) {
      if (isLeader) channel.postMessage({ isOpen });
      return;
    }
    if (isLeader) return;
    if ("isOpen" in data) onState(data.isOpen);
    if (data.topics) onTopics(data.topics);
  });
  signal.addEventListener("abort", () => channel.close());
  channel.postMessage({ question: true });
  const lead = () => {
    isLeader = true;
    return open(
      url,
      signal,
      (topics) => {
        channel.postMessage({ topics });
        onTopics(topics);
      },
      (isLive) => {
        isOpen = isLive;
        if (!signal.aborted) channel.postMessage({ isOpen });
        onState(isLive);
      },
    );
  };
  // Rejected when the tab stops waiting.
  navigator.locks.request(NAME, { signal }, lead).catch(() => {});
}

/** Opens the stream. The promise lasts until the signal ends it. */
function open(url, signal, onTopics, onState) {
  return new Promise((done) => {
    let source;
    let again;
    const connect = () => {
      source = new EventSource(url);
      source.addEventListener("open", () => onState(true));
      source.addEventListener("message", ({ data }) => onTopics(data.split(" ")));
      source.addEventListener("error", () => {
        onState(false);
        // The browser connects again after a failure, but not after a refusal.
        if (source.readyState === EventSource.CLOSED) again = setTimeout(connect, REFUSED_MS);
      });
    };
    connect();
    signal.addEventListener("abort", () => {
      clearTimeout(again);
      source.close();
      done();
    });
  });
}
