import type { Cluster, Edit, File, Flow, Paths } from "./index.js";

/**
 * A live figure. Attributes:
 * - `lesson`: a lesson of the course; or `cluster`: addresses of files, apart by spaces
 * - `flow`: `FROM -> TO:PORT`, and after it what is needed of `udp`, `via NODE`, `host HOST`, `path PATH`
 * - `view`: `picture` (default), `trace` or `shares`
 * - `theme`: `auto` (default), `light` or `dark`
 * - `height`: a number of pixels or a CSS length
 * - `controls`: where it stands, the reader can change view and policy
 *
 * What stands inside the element is shown where no script runs, and beside the message where the figure fails.
 */
export class HopScope extends HTMLElement {
  get cluster(): Cluster | undefined;
  set cluster(input: string | File | (string | File)[]);
  get flow(): Flow | undefined;
  set flow(flow: Flow);
  /** Makes a change and shows what came of it; returns the edit that takes it back. */
  apply(edit: Edit): Edit;
}

export interface HopScopeEvents {
  "hopscope:ready": CustomEvent<{ cluster: Cluster }>;
  "hopscope:edit": CustomEvent<{ edit: Edit; inverse?: Edit; title?: string }>;
  "hopscope:trace": CustomEvent<{ paths: Paths; step?: number }>;
  "hopscope:error": CustomEvent<{ message: string }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "hop-scope": HopScope;
  }
}
