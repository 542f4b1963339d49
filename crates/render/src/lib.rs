//! Pictures and texts of a flow. [`scene`] lays a cluster and a flow out as plain data; [`svg`] writes it as
//! an SVG document, the web page draws the same data itself; [`text`] and [`mermaid`] write the flow without
//! a layout.
//!
//! This crate knows no DOM, no files and no clock: the same view gives the same bytes.

mod geometry;
mod layout;
pub mod measure;
pub mod mermaid;
mod picture;
mod scene;
pub mod svg;
pub mod text;
mod view;

pub use geometry::{Curve, Point, Rect, Track, number};
pub use layout::{
    scene,
    words::{capital, per_cent},
};
pub use picture::Picture;
pub use scene::{
    Anchor, Capsule, Field, Group, Ink, Kind, Leg, Link, Look, PoolFacts, Scene, Shape, State, Text,
    TextStyle, Tone,
};
pub use view::{Format, LoadBalancerView, Options, Probed, View, load_balancers, probe_words, service_of};
