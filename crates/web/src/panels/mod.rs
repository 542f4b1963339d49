//! The regions of the page.

mod balancer;
mod dock;
mod flow_bar;
mod inspector;
mod open_dialog;
mod packet;
mod rail;
mod rules;
mod shares;
mod top_bar;
mod trace;
mod watched;
mod words;

pub(crate) use dock::Dock;
pub(crate) use inspector::Inspector;
pub(crate) use open_dialog::OpenDialog;
pub(crate) use rail::Rail;
pub(crate) use top_bar::TopBar;
pub(crate) use watched::WatchedFlows;
