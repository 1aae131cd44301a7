import react from "@vitejs/plugin-react";

const server = process.env.BASE_URL ?? "http://localhost:8380";

export default {
  plugins: [react()],
  server: { proxy: { "/v3": server, "/typewriter": server } },
};
