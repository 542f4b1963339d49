//! The example clusters that the page and the command line carry with them.

use crate::Source;

/// An example cluster: the files of one folder of `examples/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// The folder's name, which links refer to.
    pub name: &'static str,
    /// One line for a person.
    pub title: &'static str,
    /// File name and text, in name order.
    pub files: &'static [(&'static str, &'static str)],
}

impl Preset {
    /// The preset of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The files as input of [`crate::import`].
    pub fn sources(&self) -> Vec<Source> {
        self.files.iter().map(|(name, text)| Source::new(*name, *text)).collect()
    }
}

macro_rules! files {
    ($folder:literal) => {
        files!($folder, "cluster.yaml", "nodes.yaml", "pods.yaml", "service.yaml")
    };
    ($folder:literal, $($file:literal),+) => {
        &[$(($file, include_str!(concat!("../../../examples/", $folder, "/", $file)))),+]
    };
}

/// The presets; the first is what the page opens with.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "caveat",
        title: "Policy Local behind a load balancer that knows only the system pool",
        files: files!("caveat"),
    },
    Preset {
        name: "caveat-cluster",
        title: "The same cluster with policy Cluster: even shares, client address lost",
        files: files!("caveat-cluster"),
    },
    Preset {
        name: "caveat-pool-1",
        title: "Load balancer and pods on the user pool: even shares, client address kept",
        files: files!("caveat-pool-1"),
    },
    Preset {
        name: "remedies",
        title: "The uneven load balancer with a Deployment: try the remedies",
        files: files!("remedies", "cluster.yaml", "echo.yaml"),
    },
    Preset {
        name: "two-nodes",
        title: "Two nodes, two backend pools, no Service at the load balancer yet",
        files: files!("two-nodes", "cluster.yaml", "nodes.yaml", "web.yaml"),
    },
    Preset {
        name: "production",
        title: "A production cluster: system, application, GPU and spot pools",
        files: files!("production", "apps.yaml", "cluster.yaml", "system.yaml"),
    },
];
