//! Basic to Standard as an edit: what breaks, computed from the cluster.

#![allow(clippy::type_complexity, clippy::expect_used, reason = "a test ends where its set-up fails")]

use engine::World;
use model::{Edit, azure::SkuName};

/// Two nodes, each in an availability set of its own, with a pod of `web` each; `profile` is added to the cluster's
/// network profile, `more` are other documents.
fn cluster(profile: &str, service: &str, more: &str) -> World {
    let mut text = format!(
        "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nspec:\n  networkProfile: {{loadBalancerSku: basic, networkPlugin: azure, networkPluginMode: overlay{profile}}}\n  agentPoolProfiles:\n  - {{name: one, mode: System, count: 1}}\n  - {{name: two, mode: User, count: 1}}\n---\n"
    );
    for (number, pool) in ["one", "two"].iter().enumerate() {
        text += &format!(
            "kind: Node\napiVersion: v1\nmetadata: {{name: n{number}, labels: {{kubernetes.azure.com/agentpool: {pool}}}}}\nspec: {{podCIDR: 10.244.{number}.0/24}}\nstatus:\n  addresses: [{{type: InternalIP, address: 10.224.0.{}}}]\n---\n\
             kind: Pod\napiVersion: v1\nmetadata: {{name: p{number}, labels: {{app: web}}}}\nspec: {{nodeName: n{number}}}\nstatus:\n  podIP: 10.244.{number}.10\n  phase: Running\n  conditions: [{{type: Ready, status: \"True\"}}]\n---\n",
            4 + number
        );
    }
    text += &format!(
        "kind: Service\napiVersion: v1\nmetadata: {{name: web{service}}}\nspec:\n  type: LoadBalancer\n  clusterIP: 10.0.0.10\n  selector: {{app: web}}\n  ports: [{{name: t, port: 443, targetPort: 8443, nodePort: 30443, appProtocol: https}}]\nstatus: {{loadBalancer: {{ingress: [{{ip: 20.50.0.10}}]}}}}\n{more}"
    );
    let import = formats::import(&[formats::Source::new("test", text.into_bytes())]);
    assert!(!import.has_errors(), "{:?}", import.diagnostics);
    World::new(&import.model)
}

fn notes(world: &World) -> Vec<String> {
    let edit = Edit::SetLoadBalancerSku { sku: SkuName::Standard };
    let plan = world.plan(&edit).expect("a plan");
    plan.notes.iter().map(ToString::to_string).collect()
}

const MODE: &str =
    ", annotations: {service.beta.kubernetes.io/azure-load-balancer-mode: aks-two-00000000-vmss}";
const NO_RULE: &str =
    ", annotations: {service.beta.kubernetes.io/azure-disable-load-balancer-nsg-rule: \"true\"}";
const INTERNAL: &str = ", annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: \"true\", service.beta.kubernetes.io/azure-load-balancer-enable-high-availability-ports: \"true\"}";

#[test]
fn what_breaks_and_why() {
    let block = "---\nkind: NetworkSecurityGroup\napiVersion: hopscope.dev/v1\nmetadata: {name: aks-agentpool-1-nsg}\nspec:\n  securityRules:\n  - {name: k8s-azure-lb_allow_IPv4_x, priority: 500, access: Allow, direction: Inbound, protocol: Tcp, sourceAddressPrefix: Internet, sourcePortRange: \"*\", destinationAddressPrefix: 20.50.0.99, destinationPortRange: \"443\"}\n";
    let owned = "---\n{\"name\": \"mine\", \"type\": \"Microsoft.Network/publicIPAddresses\", \"ipAddress\": \"20.50.0.10\", \"sku\": {\"name\": \"Basic\"}, \"publicIPAllocationMethod\": \"Dynamic\"}\n";
    // The cluster's profile, the Service's metadata, other documents; what some note says; what none says.
    let cases: &[(&str, &str, &str, &[&str], &[&str])] = &[
        (
            "",
            "",
            "",
            &[
                "A load balancer cannot change its SKU: kubernetes is deleted and made anew",
                "by a load balancer's outbound rule from 20.50.61.10 instead of",
                "is Basic, which a Standard load balancer does not take: it must be upgraded, which keeps 20.50.0.10",
                "n1 join kubernetes/kubernetes: Standard takes the nodes of every pool",
                "asks Https 30443/ instead of Tcp 30443",
                "1 rules reset idle connections at both ends",
            ],
            &["is closed to the internet", "moves from", "lose their way out", "availability set, which has"],
        ),
        // Without a way out of its own nothing replaces default outbound access.
        (
            ", outboundType: none",
            INTERNAL,
            "",
            &[
                "n0, n1 lose their way out (default outbound access): nodes behind a Standard load balancer",
                "default/web gets one rule for all ports",
            ],
            &["leave by", "is Basic, which"],
        ),
        (
            "",
            MODE,
            "",
            &[
                "default/web moves from aks-two-00000000-vmss to kubernetes",
                "which is read for Basic only: it has no effect any more",
            ],
            &[],
        ),
        (
            "",
            NO_RULE,
            "",
            &[
                "default/web is closed to the internet",
                "DenyAllInBound of aks-agentpool-00000000-nsg denies it",
            ],
            &[],
        ),
        ("", "", block, &["default/web is closed to the internet"], &[]),
        (
            "",
            ", annotations: {service.beta.kubernetes.io/azure-pip-name: mine}",
            owned,
            &["The public address mine is Basic", "20.50.0.10 is kept only if it is static"],
            &[],
        ),
    ];
    for (profile, service, more, said, unsaid) in cases {
        let got = notes(&cluster(profile, service, more));
        for words in *said {
            assert!(
                got.iter().any(|note| note.contains(words)),
                "{words:?} is not said:\n{}",
                got.join("\n")
            );
        }
        for words in *unsaid {
            assert!(!got.iter().any(|note| note.contains(words)), "{words:?} is said:\n{}", got.join("\n"));
        }
    }
}

#[test]
fn only_from_basic_to_standard() {
    let world = cluster("", "", "");
    let edit = |sku| Edit::SetLoadBalancerSku { sku };
    assert_eq!(world.plan(&edit(SkuName::Basic)).expect("a plan").notes, []);
    let mut model = world.input().clone();
    edit(SkuName::Standard).apply(&mut model).expect("applies");
    assert_eq!(notes(&World::new(&model)), Vec::<String>::new());
}

#[test]
fn a_basic_load_balancer_of_the_input_goes_and_undo_brings_it_back() {
    let world = cluster("", "", "");
    let mut model = world.input().clone();
    let written = world.written(model::Kind::LoadBalancer, "kubernetes").expect("a load balancer");
    Edit::Put(written).apply(&mut model).expect("applies");
    let world = World::new(&model);
    let plan = world.plan(&Edit::SetLoadBalancerSku { sku: SkuName::Standard }).expect("a plan");
    let before = model.clone();
    let undo = plan.edit.apply(&mut model).expect("applies");
    assert!(model.load_balancers.is_empty());
    let after = World::new(&model);
    assert_eq!(after.cloud().balancer("kubernetes").map(|own| own.sku), Some(SkuName::Standard));
    undo.apply(&mut model).expect("undo");
    assert_eq!(model, before);
}
