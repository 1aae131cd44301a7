// One question and its answer, with useTyped. A reload continues the answer.

import { useState } from "react";
import { useTyped } from "sse-typewriter/react";

export function OneAnswer() {
  const [question, setQuestion] = useState("");
  const { text, reasoning, suggestions, status, error, ask, stop, skip, retry, tempo } = useTyped({ remember: "one" });
  const isBusy = !["idle", "done", "stopped", "failed"].includes(status);
  return <>
    <form onSubmit={e => { e.preventDefault(); ask(question); }}>
      <input aria-label="Question" value={question} onChange={e => setQuestion(e.target.value)} />
      <button>Ask</button>
      {isBusy && <button type="button" onClick={stop}>Stop</button>}
      {isBusy && <button type="button" onClick={skip}>Skip</button>}
      <select aria-label="Speed" defaultValue="1" onChange={e => tempo({ speed: e.target.value })}>
        <option>0.5</option><option>1</option><option>10</option>
      </select>
    </form>
    <p role="status">{status}</p>
    {reasoning && <details><summary>Thoughts</summary>{reasoning}</details>}
    <article style={{ whiteSpace: "pre-wrap" }}>{text}</article>
    {suggestions.map(s => <button key={s} onClick={() => ask(s)}>{s}</button>)}
    {error && <p role="alert">{error.message} <button onClick={() => retry()}>Try again</button></p>}
  </>;
}
