//! The regions of the page.

mod add_dialog;
mod balancer;
mod changes;
mod compare;
mod dock;
mod drift;
mod editor;
mod flow_bar;
mod history_dialog;
mod inspector;
mod matrix;
mod network;
mod open_dialog;
mod packet;
mod palette;
mod rail;
mod report;
mod rules;
mod share_dialog;
mod shares;
mod top_bar;
mod trace;
mod watched;
mod words;

pub(crate) use add_dialog::AddDialog;
pub(crate) use compare::Comparison;
pub(crate) use dock::Dock;
pub(crate) use history_dialog::HistoryDialog;
pub(crate) use inspector::Inspector;
pub(crate) use open_dialog::{OpenDialog, files_of};
pub(crate) use palette::Palette;
pub(crate) use rail::Rail;
pub(crate) use share_dialog::ShareDialog;
pub(crate) use top_bar::TopBar;
pub(crate) use watched::WatchedFlows;
