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
        &[
            ("cluster.yaml", include_str!(concat!("../../../examples/", $folder, "/cluster.yaml"))),
            ("nodes.yaml", include_str!(concat!("../../../examples/", $folder, "/nodes.yaml"))),
            ("pods.yaml", include_str!(concat!("../../../examples/", $folder, "/pods.yaml"))),
            ("service.yaml", include_str!(concat!("../../../examples/", $folder, "/service.yaml"))),
        ]
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
];
