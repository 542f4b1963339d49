//! What the canvas is given.

use super::Chosen;
use model::{Edit, ObjectRef};
use render::Scene;
use std::{collections::BTreeSet, rc::Rc};
use yew::{AttrValue, Callback, Properties};

/// How a picture stands on the page, beside what it shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// What the picture is called.
    pub(crate) label: AttrValue,
    /// What to say to somebody who has not moved anything yet.
    pub(crate) advice: Option<AttrValue>,
    /// The advice was read.
    pub(crate) on_advised: Callback<()>,
    /// Things to mark: they differ in another picture beside this one.
    pub(crate) marks: Rc<BTreeSet<String>>,
    /// Nothing can be selected or moved.
    pub(crate) still: bool,
    /// Zoom and place of pictures that move as one.
    pub(crate) view: Option<Chosen>,
    /// Whom to tell of zoom and place; `None` where the picture is alone.
    pub(crate) on_view: Option<Callback<Option<Chosen>>>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            label: AttrValue::Static("Cluster and packet"),
            advice: None,
            on_advised: Callback::noop(),
            marks: Rc::default(),
            still: false,
            view: None,
            on_view: None,
        }
    }
}

/// What the canvas shows and whom it tells.
#[derive(Debug, Clone, Properties)]
pub(crate) struct Props {
    /// The picture.
    pub(crate) scene: Rc<Scene>,
    /// What is selected.
    #[prop_or_default]
    pub(crate) selected: Option<ObjectRef>,
    /// The step that is lit, of the branch and direction that the scene shows.
    #[prop_or_default]
    pub(crate) highlight: Option<usize>,
    /// A thing was moved.
    pub(crate) on_edit: Callback<Edit>,
    /// A thing is held where dropping it would make this edit.
    pub(crate) on_hold: Callback<Edit>,
    /// A thing was clicked or focused.
    pub(crate) on_select: Callback<ObjectRef>,
    /// The pointer is over something that a step made, or left it; the packet came to a step.
    pub(crate) on_hover: Callback<Option<usize>>,
    /// Something to say to people who do not see the picture.
    pub(crate) on_announce: Callback<String>,
    /// The canvas became narrow (true) or wide: another format of scene would suit it.
    #[prop_or_default]
    pub(crate) on_narrow: Callback<bool>,
    /// How it stands on the page.
    pub(crate) setting: Setting,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.scene, &other.scene)
            && self.selected == other.selected
            && self.highlight == other.highlight
            && self.on_edit == other.on_edit
            && self.on_hold == other.on_hold
            && self.on_select == other.on_select
            && self.on_hover == other.on_hover
            && self.on_announce == other.on_announce
            && self.on_narrow == other.on_narrow
            && self.setting == other.setting
    }
}
