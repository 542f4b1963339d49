/** Where the wasm is: an address, a response, or its bytes. */
export type Wasm = string | URL | Request | Response | BufferSource | WebAssembly.Module;

/** Makes the engine run. `load` does it by itself; call it first only to say where the wasm is. */
export function start(wasm?: Wasm): Promise<unknown>;

/** The version of the package. The engine must run. */
export function version(): string;

/** A file of YAML or JSON. The name stands in messages. */
export interface File {
  name: string;
  text: string;
}

/**
 * Loads a cluster: Kubernetes objects and Azure objects, as YAML or JSON.
 * @throws an Error with file, line, what is wrong and a hint, for each error of the input.
 */
export function load(input: string | File | (string | File)[]): Promise<Cluster>;

/**
 * Who talks to whom: an object, or one line, `"198.51.100.7 -> svc/default/web:80"` and after it what is needed of
 * `udp`, `via NODE`, `host HOST`, `path PATH`.
 */
export type Flow =
  | string
  | {
      /** An address, `pod/NAMESPACE/NAME`, `node/NAME` or `vm/NAME`. */
      from: string;
      /** An address, a name, or `svc/…`, `pod/…`, `node/…`, then `:PORT`. */
      to: string;
      protocol?: "tcp" | "udp" | "sctp" | "icmp";
      host?: string;
      path?: string;
      /** Only the cases in which the load balancer picks this node. */
      via?: string;
    };

/** A settled cluster. `free()` gives its memory back; without it, it goes with the page. */
export class Cluster {
  private constructor(inner: unknown);
  /** Warnings and notices of the input. */
  readonly remarks: Remark[];
  /** Every object, with all that controllers filled in; in the form that the edit `put` takes. */
  readonly objects: (ModelObject)[];
  /** Another cluster like this one. */
  copy(): Cluster;
  /** The cluster as YAML, edits made. */
  yaml(): string;
  /** Makes a change, and returns the edit that takes it back. */
  apply(edit: Edit): Edit;
  /** Every branch, with exact probabilities that sum to 1. */
  paths(flow: Flow, options?: { fold?: boolean }): Paths;
  /** One sampled branch. */
  trace(flow: Flow, options?: { seed?: number }): Paths;
  /** Counts of sampled connections beside the exact shares. */
  run(flow: Flow, options?: { requests?: number; seed?: number }): Run;
  /** What an edit would change; the cluster stays as it is. */
  diff(edit: Edit, flow: Flow): Difference;
  diff(edit: Edit, flows: Flow[]): Difference[];
  /** The flows that are not in another cluster as they are in this one. */
  diff(after: Cluster, reach?: Reach): Change[];
  /** What becomes of every flow from these clients to these targets, without steps. */
  matrix(reach?: Reach): Matrix;
  /** What does not hold; empty where all does. The fields are those of `expect:` in docs/check.md. */
  check(expect: Record<string, unknown>, flow?: Flow): Mismatch[];
  /** A picture of a flow, or without one of the cluster alone. */
  render(flow?: Flow | null, options?: RenderOptions): string;
  free(): void;
}

export interface RenderOptions {
  format?: "svg" | "text" | "mermaid";
  theme?: "auto" | "light" | "dark";
  shape?: "wide" | "tall";
  /** Index of the branch drawn as taken; without it, all are drawn as possible. */
  branch?: number;
  /** Draw the way back of that branch. */
  reply?: boolean;
  /** For readers who do not see it. */
  title?: string;
  description?: string;
}

export interface Remark {
  severity: "error" | "warning" | "notice";
  file: string;
  line: number;
  column: number;
  what: string;
  hint?: string;
}

export interface ModelObject {
  kind: string;
  object: Record<string, unknown>;
}

export interface ObjectRef {
  kind: string;
  namespace?: string;
  name: string;
}

/** A change of one load balancer, made by hand in Azure. Rules, probes and members are as `az` prints them. */
export type BalancerEdit =
  | { change: "removeMember"; pool: string; member: string }
  | { change: "addMember"; pool: string; member: object }
  | { change: "setAdminState"; pool: string; member: string; adminState: "None" | "Up" | "Down" }
  | { change: "putRule"; rule: object }
  | { change: "removeRule"; rule: string }
  | { change: "putProbe"; probe: object }
  | { change: "removeProbe"; probe: string };

/** One change. Names of namespaced objects are `NAMESPACE/NAME`. */
export type Edit =
  | { edit: "moveNode"; node: string; pool: string }
  | { edit: "scalePool"; pool: string; count: number }
  | { edit: "addPool"; pool: object }
  | { edit: "removePool"; pool: string }
  | { edit: "upgradePool"; pool: string; version: string }
  | { edit: "cordon"; node: string; cordoned: boolean }
  | { edit: "drain"; node: string }
  | { edit: "setNodeLabel"; node: string; label: string; value?: string | null }
  | { edit: "setNodeTaint"; node: string; taint: { key: string; value?: string; effect: string }; present: boolean }
  | { edit: "scaleWorkload"; workload: ObjectRef; replicas: number }
  | { edit: "autoscale" }
  | { edit: "evictSpot"; node: string }
  | { edit: "movePod"; pod: string; node: string }
  | { edit: "setPodReady"; pod: string; ready: boolean }
  | { edit: "setExternalTrafficPolicy"; service: string; policy: "Cluster" | "Local" }
  | { edit: "setInternalTrafficPolicy"; service: string; policy: "Cluster" | "Local" }
  | { edit: "setSessionAffinity"; service: string; affinity: "None" | "ClientIP" }
  | { edit: "setServiceAnnotation"; service: string; annotation: string; value?: string | null }
  | { edit: "setLoadBalancerSku"; sku: "Basic" | "Standard" }
  | { edit: "editLoadBalancer"; loadBalancer: string; change: BalancerEdit }
  | { edit: "reconcile"; loadBalancer: string; document: object | null }
  | ({ edit: "put" } & ModelObject)
  | { edit: "remove"; object: ObjectRef }
  | { edit: "many"; edits: Edit[] };

export type Verdict = "delivered" | "refused" | "rejected" | "dropped" | "unreachable" | "looped" | "ambiguous";

/** Why a flow failed, `no-local-endpoints`. Each code has a page in docs/causes. */
export type Cause = string;

export interface Paths {
  flow: { from: string; source: string; to: string; destination: string; port: number; protocol: string };
  assumptions: { code: string; text: string }[];
  /** The most probable first. */
  outcomes: Outcome[];
}

export interface Outcome {
  /** 0 to 1. */
  probability: number;
  verdict: Verdict;
  cause: Cause | null;
  endpoint: Endpoint | null;
  /** The node that the flow entered the cluster by. */
  node: string | null;
  /** How many branches stand for this one, where folded. */
  count?: number;
  sourceSeen: string | null;
  /** The client that a PROXY header names to the receiver, where a Private Link Service writes one. */
  proxyHeaderSource?: string;
  steps: Step[];
  reply: { verdict: Verdict; cause: Cause | null; steps: Step[] } | null;
}

export interface Endpoint {
  pod?: string;
  node?: string;
  host?: string;
  ip: string;
  port: number;
}

export interface Header {
  protocol: string;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
  mark?: number;
}

export interface Rule {
  place: string;
  text: string;
  object?: ObjectRef;
}

export interface Step {
  station: { kind: string; name: string };
  component: string;
  owner: "client" | "azure" | "node" | "workload";
  action: string;
  rule?: Rule;
  nearMisses?: { rule: Rule; failed: string }[];
  before: Header;
  after: Header;
  probability?: number;
  /** One sentence for a person. */
  why: string;
}

export interface Run {
  requests: number;
  seed: number;
  rows: {
    verdict: Verdict;
    cause: Cause | null;
    endpoint: Endpoint | null;
    node: string | null;
    sourcesSeen: string[];
    /** How many other addresses it saw: those of nodes whose branches are folded into one. */
    moreSources?: number;
    count: number;
    /** 0 to 1. */
    exact: number;
  }[];
  assumptions: { code: string; text: string }[];
}

export interface Difference {
  changed: boolean;
  before: Paths;
  after: Paths;
}

/** Who is asked about; without it, all clients and all Services of the cluster. */
export interface Reach {
  /** Clients: addresses, `pod/NAMESPACE/NAME`, `node/NAME`, `vm/NAME`. */
  from?: string[];
  /** Targets: `DST:PORT`, with `/udp` or `/sctp` at the end for another protocol than TCP. */
  to?: string[];
}

export interface Matrix {
  clients: string[];
  targets: string[];
  /** One row for each client, one cell in it for each target. */
  rows: Cell[][];
}

export interface Cell {
  /** The exact share that is delivered, 0 to 1. */
  delivered: number;
  /** What becomes of the largest share that is not; `null` where everything is delivered. */
  verdict: Verdict | null;
  cause: Cause | null;
  /** Why the flow cannot be asked about at all. */
  impossible?: string;
}

export interface Change {
  from: string;
  to: string;
  kind: "added" | "removed" | "changed";
  /** Absent (`null`) where one of the two ends did not exist. */
  before: Cell | null;
  after: Cell | null;
}

export interface Mismatch {
  field: string;
  expected: string;
  found: string;
}

/** The course, in order. */
export function lessons(): Promise<{ id: string; chapter: string; title: string }[]>;

/** Reads a lesson from the texts of its files, `lessons/ID/lesson.yaml` and `lessons/ID/cluster.yaml`. */
export function readLesson(texts: { lesson: string; cluster: string }): Promise<Lesson>;

export class Lesson {
  private constructor(inner: unknown);
  readonly title: string;
  readonly chapter: string;
  readonly idea: string;
  readonly steps: LessonStep[];
  readonly claims: {
    says: string;
    verdict: "true" | "simplified" | "outdated" | "false";
    because: string;
    step: number;
  }[];
  /** The cluster at a step, from 0. */
  cluster(step?: number): Cluster;
  /** The question of a step, about the step's cluster or another. */
  pose(step: number, cluster?: Cluster): Posed | null;
  /** Grades picked options, by index. */
  grade(step: number, picked: number[], cluster?: Cluster): Grade | null;
}

export interface LessonStep {
  caption: string;
  change?: { title: string; edits?: Edit[]; reconcile?: string };
  flow?: Exclude<Flow, string>;
  ask?: { prompt: string };
  reveal: string;
}

export interface Posed {
  prompt: string;
  /** Whether several options may be picked. */
  several: boolean;
  options: { text: string; right: boolean }[];
}

export interface Grade {
  right: boolean;
  /** What is right, in words. */
  truth: string;
  missed: number[];
  wrong: number[];
}
