/** What `app.ts` loads when the engines have been started. */
export { listen } from "./listen.ts";
export { readPage } from "./page-routes.ts";
export { buildServer } from "./server.ts";
