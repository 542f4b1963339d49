//! Names of resources behind private endpoints. Azure's public DNS makes the name of a resource that has one an alias below
//! `privatelink.` (Azure, "Azure Private Endpoint private DNS zone values"); a private zone that is linked to the network
//! answers that alias, any other client gets the public address. `az network private-endpoint show` prints no address where
//! a DNS zone group keeps the names: the zone has it.

use super::{deciding, flow, in_one_file};
use engine::{Cause, Verdict};

const CLUSTER: &str = "
apiVersion: v1
kind: Node
metadata: {name: n0}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {nodeName: n0, containers: [{name: c}]}
status: {podIP: 10.244.0.10}
---
apiVersion: hopscope.dev/v1
kind: VirtualNetwork
metadata: {name: vnet}
spec: {addressSpace: {addressPrefixes: [10.224.0.0/12]}, subnets: [{name: aks, addressPrefix: 10.224.0.0/16}, {name: pe, addressPrefix: 10.225.5.0/24}]}
---
apiVersion: hopscope.dev/v1
kind: PrivateEndpoint
metadata: {name: pe}
spec: {privateLinkServiceConnections: [{name: c, groupIds: [vault], privateLinkServiceId: /subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/keys}]}
";

const ZONE: &str = "
---
apiVersion: hopscope.dev/v1
kind: PrivateDnsZone
metadata: {name: privatelink.vaultcore.azure.net}
spec:
  recordSets: [{name: keys, aRecords: [{ipv4Address: 10.225.5.5}]}]
";
const LINK: &str = "  virtualNetworkLinks: [{name: l, virtualNetwork: {id: /subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/vnet}}]\n";
#[test]
fn the_name_of_a_resource_leads_to_its_private_endpoint() {
    let linked = format!("{ZONE}{LINK}");
    let somewhere = Some("192.0.2.1");
    for (name, rest, from, receiver) in [
        ("linked", linked.as_str(), "pod/default/a", Some("keys")),
        ("linked", &linked, "node/n0", Some("keys")),
        ("linked", &linked, "198.51.100.7", somewhere),
        ("not linked", ZONE, "pod/default/a", somewhere),
        ("no zone", "", "pod/default/a", somewhere),
    ] {
        let world = in_one_file(format!("{CLUSTER}{rest}"));
        let paths = world.paths(&flow(from, "keys.vault.azure.net:443")).expect("the flow exists");
        let [outcome] = &paths.outcomes[..] else { panic!("{name}: {}", deciding(&paths)) };
        let got = outcome.endpoint.as_ref().map(ToString::to_string);
        assert_eq!((got.as_deref(), outcome.cause), (receiver, None), "{name} {from}: {}", deciding(&paths));
    }
}

#[test]
fn what_the_input_does_not_show_is_not_taken_for_missing() {
    let text = format!("{CLUSTER}{ZONE}{LINK}");
    let world = in_one_file(text);
    for (to, receiver) in [
        ("10.225.5.5:443", Some("keys")),
        // Accounts that the input does not show.
        ("files.blob.core.windows.net:443", Some("192.0.2.1")),
        ("unseen.blob.core.windows.net:443", Some("192.0.2.1")),
        // The linked zone answers for all names below it.
        ("unseen.vaultcore.azure.net:443", Some("192.0.2.1")),
        ("unseen.privatelink.vaultcore.azure.net:443", None),
    ] {
        let paths = world.paths(&flow("pod/default/a", to)).expect("the flow exists");
        let [outcome] = &paths.outcomes[..] else { panic!("{to}: {}", deciding(&paths)) };
        let got = outcome.endpoint.as_ref().map(ToString::to_string);
        assert_eq!(got.as_deref(), receiver, "{to}: {}", deciding(&paths));
        let expected = match receiver {
            Some(_) => (Verdict::Delivered, None),
            None => (Verdict::Unreachable, Some(Cause::NameNotFound)),
        };
        assert_eq!((outcome.verdict, outcome.cause), expected, "{to}: {}", deciding(&paths));
    }
}
