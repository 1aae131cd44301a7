// A conversation with useChat of the AI SDK. A reload continues the answer.

import { useChat } from "@ai-sdk/react";
import { useState } from "react";
import { TypewriterTransport } from "sse-typewriter/ai";

const transport = new TypewriterTransport();

export function Conversation() {
  const [question, setQuestion] = useState("");
  const { messages, sendMessage, status, error, stop } = useChat({ id: "conversation", transport, resume: true });
  return <>
    <p role="status">{status}</p>
    {messages.map(({ id, role, parts }) => <article key={id} data-role={role} style={{ whiteSpace: "pre-wrap" }}>
      {parts.map((part, i) => part.type === "text" && <span key={i}>{part.text}</span>)}
    </article>)}
    {error && <p role="alert">{error.message}</p>}
    <form onSubmit={e => { e.preventDefault(); sendMessage({ text: question }); setQuestion(""); }}>
      <input aria-label="Question" value={question} onChange={e => setQuestion(e.target.value)} />
      <button>Send</button>
      <button type="button" onClick={stop}>Stop</button>
    </form>
  </>;
}
