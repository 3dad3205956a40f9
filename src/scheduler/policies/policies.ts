import type { PolicyName } from "../../core/scheduling.ts";
import { deadline } from "./deadline.ts";
import { fair } from "./fair.ts";
import { fifo } from "./fifo.ts";
import type { Policy } from "./policy.ts";
import { priority } from "./priority.ts";
import { shortest } from "./shortest.ts";

export const policies: Readonly<Record<PolicyName, Policy>> = { fifo, priority, fair, shortest, deadline };
