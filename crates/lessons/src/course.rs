//! The course: which lesson comes when.

/// A lesson in the course. Its files are `lessons/ID/lesson.yaml` and `lessons/ID/cluster.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The folder's name, which links and the `lesson` attribute refer to.
    pub id: &'static str,
    /// The chapter.
    pub chapter: &'static str,
    /// The heading.
    pub title: &'static str,
}

/// The lesson of that id.
pub fn find(id: &str) -> Option<&'static Entry> {
    INDEX.iter().find(|entry| entry.id == id)
}

macro_rules! course {
    ($($chapter:literal { $($id:literal $title:literal)* })*) => {
        /// Every lesson, in the order of the course; small enough to be part of the page.
        pub const INDEX: &[Entry] = &[$($(Entry { id: $id, chapter: $chapter, title: $title },)*)*];

        /// The files of a lesson, carried along: `lesson.yaml`, then `cluster.yaml`.
        #[cfg(feature = "embedded")]
        pub fn embedded(id: &str) -> Option<[formats::Source; 2]> {
            let (lesson, cluster) = match id {
                $($($id => (
                    include_str!(concat!("../../../lessons/", $id, "/lesson.yaml")),
                    include_str!(concat!("../../../lessons/", $id, "/cluster.yaml")),
                ),)*)*
                _ => return None,
            };
            Some([
                formats::Source::new(format!("{id}/lesson.yaml"), lesson),
                formats::Source::new(format!("{id}/cluster.yaml"), cluster),
            ])
        }
    };
}

course! {
    "The two doors of a cluster" {
        "two-pools" "Why are there two backend pools with the same nodes?"
        "outbound" "How does a pod reach the internet when nothing is exposed?"
        "snat-ports" "How many connections out can a node hold?"
    }
    "Three kinds of Service" {
        "cluster-ip" "ClusterIP: an address that no machine has"
        "node-port" "NodePort: the same port on every node"
        "load-balancer" "LoadBalancer: a node port, and an order to Azure"
    }
    "What happens at port 80" {
        "port-80" "Why does port 80 answer when nothing listens there?"
        "who-listens" "What does kube-proxy listen on?"
        "random-choice" "How does kube-proxy choose among pods?"
    }
    "Who does what" {
        "every-node" "Why does kube-proxy run on every node?"
        "no-kube-proxy" "What if kube-proxy does not do its part?"
        "who-owns-what" "Who owns which part of the way?"
        "reconcile" "What does AKS put back, and when?"
    }
    "Health probes" {
        "probe-cluster" "What does a health probe ask under policy Cluster?"
        "probe-local" "What does a health probe ask under policy Local?"
    }
    "The uneven load" {
        "one-pod-gets-all" "Three pods: why does one get all the traffic?"
        "remedies" "Even shares and the client’s address: can one have both?"
        "uneven-local" "Is policy Local even with a Standard load balancer?"
    }
    "Whose address the pod sees" {
        "source" "Four ways to a pod, and whose address it sees"
        "from-inside" "Does policy Local hold for calls from inside?"
        "hairpin" "What if a pod calls its own Service?"
        "source-ranges" "Whom does loadBalancerSourceRanges keep out?"
    }
    "Pools and taints" {
        "taints" "Which nodes may my pods run on?"
        "system-and-user" "Which nodes are behind the load balancer?"
    }
    "Ingress" {
        "ingress" "What does an ingress add to a Service?"
        "ingress-probe" "One word in a Service takes the whole ingress down"
    }
    "Out to Azure services" {
        "service-endpoint" "What does a service endpoint change?"
        "private-endpoint" "What does a private endpoint change?"
    }
    "Putting it together" {
        "kinds-of-traffic" "How many kinds of data-plane traffic are there?"
        "interview" "Interview: answer, and let the packet judge"
    }
}
