//! What the pages of Explore have in common. Each is a [`Page`] and a row of [`super::tabs::TABS`].

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::Ui;

use super::explore_state::ExploreState;
use super::known_directions::KnownDirections;
use super::viewpoint::Viewpoint;
use crate::base::Picture;
use crate::engine::{Event, JobId};
use crate::latent::film::Timeline;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::action::LeftOut;
use crate::ui::view::Cx;
use crate::ui::widgets::own_data::OwnData;

/// What all pages share.
#[derive(Default)]
pub struct Shared {
    /// Directions of the model in use.
    pub directions: KnownDirections,
    /// Whether the pictures of the model in use are here.
    pub own_data: OwnData,
    /// The present picture, as far as it is here.
    pub present: Option<Arc<Picture>>,
    /// Pictures kept since the window was opened.
    pub kept: Vec<Viewpoint>,
}

/// Latents to export: what made them, columns on the screen (0 for any), proposed format.
pub type Export = (Vec<Latent>, &'static str, u32, Option<&'static str>);

/// A picture to be put into a slot of a page.
pub struct UseIn {
    /// The page.
    pub page: &'static str,
    /// The slot, by its number in the page's row.
    pub slot: usize,
    /// The picture.
    pub latent: Latent,
}

/// What a page wants; applied once it is drawn.
#[derive(Default)]
pub struct PageActions {
    /// Make this the present picture.
    pub open: Option<Latent>,
    /// Without truncation: the place was found for a picture that the model makes there.
    pub whole: bool,
    /// Keep these in the gallery, starred.
    pub keep: Vec<Latent>,
    /// The job that keeps them, where there are many.
    pub keep_job: Option<JobId>,
    /// Export these.
    pub export: Option<Export>,
    /// Export these of two models: both, and latents of each.
    pub export_both: Option<([ModelInfo; 2], [Vec<Latent>; 2])>,
    /// What changed, as Undo calls it.
    pub label: Option<&'static str>,
    /// A picture of another model was dropped on a slot.
    pub foreign: bool,
    /// Open a picture of another model, with that.
    pub visit: Option<Viewpoint>,
    /// Look at another model.
    pub model: Option<ModelRef>,
    /// Render this film.
    pub film: Option<Timeline>,
    /// Show another page.
    pub page: Option<&'static str>,
    /// Look for the latent of this picture file.
    pub photo: Option<PathBuf>,
    /// Put a picture into a slot of a page, and show that.
    pub use_in: Option<UseIn>,
    /// Show what this comes from.
    pub origin: Option<Latent>,
}

/// The answer of a file dialog, or files handed over.
pub struct Picked<'a> {
    /// What the dialog was for.
    pub purpose: &'static str,
    /// What was chosen; never empty.
    pub paths: &'a [PathBuf],
    /// The model in use.
    pub info: &'a ModelInfo,
}

impl Picked<'_> {
    /// The first file.
    pub fn first(&self) -> &Path {
        &self.paths[0]
    }
}

/// What a page is drawn with.
pub struct PageCx<'a, 'b> {
    /// The window.
    pub cx: &'a mut Cx<'b>,
    /// The model in use.
    pub info: &'a ModelInfo,
    /// What is laid out on all pages.
    pub state: &'a mut ExploreState,
    /// What all pages share.
    pub shared: &'a mut Shared,
    /// What the page wants.
    pub out: &'a mut PageActions,
}

/// A page of Explore. What is laid out on it and kept is in [`ExploreState`]; the rest is its own.
///
/// Its subject is the present picture (`state.here`): [`Page::begin`] puts that where the page starts from.
pub trait Page: Any {
    /// Draws it.
    fn ui(&mut self, ui: &mut Ui, page: PageCx<'_, '_>);

    /// Something happened. Called whether or not the page is shown.
    fn on_event(&mut self, _event: &Event, _state: &mut ExploreState, _cx: &mut Cx<'_>) {}

    /// Files were dropped while it is shown. False leaves them to the window, which finds out what they are.
    fn on_drop(&mut self, _paths: &[PathBuf], _info: &ModelInfo, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// A file dialog was answered. False if the page did not open it.
    fn picked(&mut self, _picked: &Picked<'_>, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// Pictures were handed over for it; true if it takes some.
    fn take_files(&mut self, _paths: &[PathBuf]) -> bool {
        false
    }

    /// The page is opened: what nobody laid out yet begins at the present picture.
    fn begin(&mut self, _state: &mut ExploreState, _info: &ModelInfo) {}

    /// Puts a latent into one of the slots that the page's row names.
    fn take(&mut self, _slot: usize, _latent: &Latent, _state: &mut ExploreState) {}

    /// Proposes what it shows for export; the present picture by itself.
    fn export(&self, state: &ExploreState, _info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.export = Some((vec![state.here.latent.clone()], "sample", 0, Some("png")));
    }

    /// Pictures that are selected on it.
    fn chosen(&self, _state: &ExploreState) -> Vec<Latent> {
        Vec::new()
    }

    /// Selects all pictures. False if there is nothing to select.
    fn select_all(&mut self, _state: &ExploreState) -> bool {
        false
    }

    /// Shows others of what it shows at random. False takes a random picture instead.
    fn shuffle(&mut self, _state: &mut ExploreState, _out: &mut PageActions) -> bool {
        false
    }

    /// Plays or pauses.
    fn toggle(&mut self) {}

    /// Where a picture that was opened on it came from, in words. `label`: what was done there.
    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        None
    }

    /// What is left out of a source of data from now on.
    fn left_out(&mut self, _source: &str, _names: &LeftOut) {}

    /// The model has other weights now: pictures are asked for again.
    fn expire(&mut self) {}
}
