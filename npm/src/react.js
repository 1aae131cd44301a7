// A React hook for one answer at a time.

import { useCallback, useEffect, useRef, useState } from "react";
import { chat, resume } from "./index.js";

const idle = { text: "", reasoning: "", suggestions: [], status: "idle", error: null };

// useTyped returns the state of the last answer, and functions that ask, stop, skip and
// retry. With options.remember, an answer continues after a reload.
export function useTyped(options = {}) {
  const [view, setView] = useState(idle);
  const [current, settings] = [useRef(null), useRef(options)];
  settings.current = options;

  const follow = useCallback(async answer => {
    current.current = answer;
    const suggestions = [];
    const show = () => {
      const { text, reasoning, status, error } = answer;
      if (current.current === answer) setView({ text, reasoning, suggestions: [...suggestions], status, error });
    };
    show();
    try {
      for await (const event of answer.events()) {
        if (event.type === "suggestion") suggestions.push(event.text);
        show();
      }
    } catch {
      show(); // answer.error has the reason
    }
  }, []);

  useEffect(() => {
    const resumed = settings.current.remember && resume(settings.current);
    if (resumed) follow(resumed);
    return () => current.current?.disconnect();
  }, [follow]);

  const ask = useCallback((question, more) => {
    const last = current.current;
    last?.stop();
    const asked = typeof question === "string" ? { message: question } : { body: question };
    return follow(chat({ conversation: last?.conversation, ...settings.current, ...asked, ...more }));
  }, [follow]);
  const stop = useCallback(() => current.current?.stop(), []);
  const skip = useCallback(() => current.current?.skip(), []);
  const tempo = useCallback(value => current.current?.tempo(value), []);
  const retry = useCallback(() => current.current && follow(current.current.retry()), [follow]);

  return { ...view, ask, stop, skip, tempo, retry };
}
