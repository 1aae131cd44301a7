// Answers that continue after a reload, in the storage of the tab.

const interval = 1000; // ms between two copies of a running answer

const prefix = "typewriter.answer.";

// keep stores snapshots of an answer under a name: until release, after which the last one
// stays, or until drop.
export function keep(name, answer) {
  const store = () => attempt(storage => storage.setItem(prefix + name, JSON.stringify(answer.snapshot())));
  const timer = setInterval(store, interval);
  globalThis.addEventListener?.("pagehide", store);
  const end = () => {
    clearInterval(timer);
    globalThis.removeEventListener?.("pagehide", store);
  };
  store();
  let isEnded = false;
  return {
    release() {
      if (!isEnded) store();
      isEnded = true;
      end();
    },
    drop() {
      isEnded = true;
      end();
      attempt(storage => storage.removeItem(prefix + name));
    },
  };
}

// recall returns the snapshot stored under a name, or null.
export function recall(name) {
  const value = attempt(storage => JSON.parse(storage.getItem(prefix + name)));
  return typeof value?.url === "string" ? value : null;
}

// attempt calls use with the storage. Storage may be blocked, full or damaged.
function attempt(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}
