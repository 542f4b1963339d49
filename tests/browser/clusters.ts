/** A cluster as documents: pods on every node, behind every Service or each behind one of them. */
export interface Shape {
  nodes: number;
  /** Pods on each node. */
  pods?: number;
  services?: string[];
  /** Each pod answers for one Service only. */
  apart?: boolean;
  policy?: "Cluster" | "Local";
}

/** Ranges that have room for thousands of nodes. */
const RANGES = `apiVersion: hopscope.dev/v1
kind: ManagedCluster
metadata: {name: large}
spec:
  location: westeurope
  networkProfile: {networkPlugin: azure, networkPluginMode: overlay, podCidr: 10.128.0.0/11, serviceCidr: 10.96.0.0/12, dnsServiceIP: 10.96.0.10, loadBalancerSku: standard, outboundType: loadBalancer}
---
apiVersion: hopscope.dev/v1
kind: VirtualNetwork
metadata: {name: aks-vnet-1}
spec:
  location: westeurope
  addressSpace: {addressPrefixes: [10.8.0.0/16]}
  subnets: [{name: aks-subnet, addressPrefix: 10.8.0.0/16}]
`;

export function cluster({ nodes, pods = 2, services = ["web"], apart = false, policy = "Local" }: Shape): string {
  const app = (at: number) => (apart ? services[at % services.length] : "web");
  const documents = services.map(
    (name, at) =>
      `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec:\n  type: ${at && apart ? "ClusterIP" : `LoadBalancer\n  externalTrafficPolicy: ${policy}`}\n  selector: {app: ${app(at)}}\n  ports: [{port: 80, targetPort: 8080}]\n`,
  );
  if (nodes > 200) documents.unshift(RANGES);
  for (let node = 0; node < nodes; node++) {
    documents.push(`apiVersion: v1\nkind: Node\nmetadata:\n  name: node-${node}\n  labels: {agentpool: pool-${node % 3}}\n`);
    for (let pod = 0; pod < pods; pod++) {
      documents.push(
        `apiVersion: v1\nkind: Pod\nmetadata: {name: web-${node}-${pod}, labels: {app: ${app(node * pods + pod)}}}\nspec: {nodeName: node-${node}, containers: [{name: web, ports: [{containerPort: 8080}]}]}\n`,
      );
    }
  }
  return documents.join("---\n");
}
