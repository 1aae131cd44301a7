import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Conversation } from "./Conversation";
import { OneAnswer } from "./OneAnswer";

const Page = location.hash === "#conversation" ? Conversation : OneAnswer;

createRoot(document.getElementById("root")!).render(<StrictMode><Page /></StrictMode>);
