//! Moving through what a model learned: sheets, grids, planes, single dimensions, films, pairs, pictures from elsewhere.
//!
//! One stands at a latent; every tab is a way to another one. All that is laid out is the [`Desk`]: Undo comes back to
//! it, and it is kept from one start to the next. Pictures come by [`feed::Feed`]s, which keep the old ones on the
//! screen while new ones are on the way.

mod act;
mod atlas;
mod bar;
mod breed;
mod came;
mod compare;
mod desk;
mod directions;
mod family;
mod feed;
mod film;
mod inside;
mod inspector;
mod lattice;
mod map;
mod mend;
mod own;
mod photo;
mod photos;
mod picture;
mod place;
mod plane;
mod sheet;
mod strip;
#[cfg(test)]
pub(in crate::ui) mod testing;
#[cfg(test)]
mod tests;
mod touch;
mod trail;
mod traverse;
mod twins;
mod walk;
mod work;

use std::path::PathBuf;

use egui::{Key, Modifiers, Ui};
use serde::{Deserialize, Serialize};

use super::{Cx, KeyHelp, View, ViewId};
use crate::engine::{Command, Event, LatentCommand};
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, PictureRecipe};
use crate::ui::action::{Action, Parcel};
use crate::ui::command::UiCommand;
use crate::ui::state::Studio;
use crate::ui::widgets::export_dialog::ExportDialog;
use crate::ui::widgets::latent_slot::ghost;
use act::{Gesture, Out, waiting};
pub use atlas::LeftOut;
pub use desk::{Desk, Stand, Tab};
use feed::Feed;
use trail::Trail;

/// Seconds that a model may take to be found before another one is shown.
const PATIENCE: f64 = 6.0;

/// The view.
#[derive(Default)]
pub struct ExploreView {
    desk: Desk,
    tab: Tab,
    trail: Trail,
    gesture: Option<Gesture>,
    /// The model that was asked to be opened last.
    asked: Option<ModelRef>,
    /// When it was asked for.
    asked_at: f64,
    /// Hash of its weights: pictures are made again when it changes.
    hash: String,
    /// The selection of the window as last seen, to notice when it changes elsewhere.
    selected: Option<ModelRef>,
    present: Feed,
    past: Feed,
    kept: Vec<Stand>,
    sheet: sheet::Sheet,
    lattice: lattice::Lattice,
    plane: plane::Plane,
    traverse: traverse::Traverse,
    walk: walk::Walk,
    compare: compare::Compare,
    picture: picture::PictureTab,
    directions: directions::Directions,
    map: map::Map,
    film: film::Film,
    breed: breed::Breed,
    touch: touch::Touch,
    atlas: atlas::AtlasTab,
    inside: inside::InsideTab,
    twins: twins::Twins,
    export: ExportDialog,
    /// Whether the inspector shows all dimensions.
    all_sliders: bool,
    /// A picture whose model is not here.
    orphan: Option<(PathBuf, Box<PictureRecipe>)>,
}

/// What is kept from one start to the next.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Kept {
    desk: Desk,
    tab: Tab,
    trail: Vec<Stand>,
}

impl ExploreView {
    /// The model in use, as the studio knows it.
    fn info(&self, studio: &Studio) -> Option<ModelInfo> {
        self.desk.here.model.as_deref().and_then(|m| studio.model(m)).cloned()
    }

    /// Follows the selection of the window; falls back to the first model there is.
    fn choose_model(&mut self, cx: &mut Cx<'_>) {
        if cx.studio.selection.model != self.selected {
            self.selected.clone_from(&cx.studio.selection.model);
            if self.selected.is_some() {
                self.desk.here.model.clone_from(&self.selected);
            }
        }
        let gone = self.desk.here.model.as_deref().is_none_or(|m| {
            let waited = self.asked.as_deref() == Some(m) && cx.time - self.asked_at > PATIENCE;
            cx.studio.models_known && cx.studio.model(m).is_none() && waited
        });
        if gone && let Some(first) = cx.studio.models.first() {
            self.desk.here.model = Some(first.model.clone());
        }
        if self.asked != self.desk.here.model
            && let Some(model) = self.desk.here.model.clone()
        {
            cx.send(Command::OpenModel { model: model.clone() });
            (self.asked, self.asked_at) = (Some(model), cx.time);
        }
        let hash = self.info(cx.studio).map(|i| i.hash).unwrap_or_default();
        if hash != self.hash {
            // The same name, other weights: a run saved a checkpoint.
            self.hash = hash;
            for feed in [&mut self.present, &mut self.past, &mut self.sheet.feed] {
                feed.expire();
            }
            self.lattice.expire();
            self.traverse.feed.expire();
            self.compare.feed.expire();
            self.directions.feed.expire();
            for feed in [&mut self.film.keys, &mut self.film.screen, &mut self.breed.parents, &mut self.breed.feed] {
                feed.expire();
            }
            self.touch.feed.expire();
            self.touch.mend.expire();
            self.atlas.expire();
            self.inside.expire();
            self.twins.expire();
            self.plane.clear();
            self.walk.clear();
        }
    }

    /// Stands elsewhere, as one step of Undo.
    fn stand(&mut self, stand: Stand, label: &str, cx: &mut Cx<'_>) {
        if stand == self.desk.here {
            return;
        }
        cx.undo_point(ViewId::Explore, label, self.snapshot());
        if stand.model != self.desk.here.model {
            self.select(stand.model.clone(), cx);
        }
        self.desk.here = stand;
        self.desk.came = came::brought(label).into();
        self.trail.visit(&self.desk.here);
    }

    fn select(&mut self, model: Option<ModelRef>, cx: &mut Cx<'_>) {
        self.selected.clone_from(&model);
        cx.push(Action::SelectModel(model));
    }

    /// News for the tabs that travel through latent space.
    fn on_latent(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.lattice.on_event(event, cx);
        self.directions.on_event(event, cx);
        self.film.on_event(event, cx);
        self.breed.on_event(event, cx);
        self.touch.on_event(event, cx);
        self.map.on_event(event);
        self.picture.on_event(event);
        self.atlas.on_event(event, &mut self.desk.atlas, cx);
        self.inside.on_event(event, cx);
        self.twins.on_event(event, cx);
    }

    /// Pictures from elsewhere whose place is known now.
    fn placed(&mut self, event: &Event, cx: &mut Cx<'_>) {
        if let Some((corner, latent)) = self.lattice.places.encoded(event) {
            cx.undo_point(ViewId::Explore, "put a picture in a corner", self.snapshot());
            if let Some(anchor) = self.desk.grid.anchors.get_mut(corner) {
                *anchor = latent.into();
            }
        }
        if let Some((end, latent)) = self.compare.places.encoded(event) {
            cx.undo_point(ViewId::Explore, "compare with a picture", self.snapshot());
            self.desk.compare.ends[end] = latent.into();
        }
        if let Some((term, latent)) = self.directions.sum.places.encoded(event)
            && term < self.desk.sum.terms.len()
        {
            cx.undo_point(ViewId::Explore, "put a picture in a sum", self.snapshot());
            self.desk.sum.terms[term].anchor = latent.into();
        }
    }

    /// Whether a picture put here is one to mend.
    fn mends(&self) -> bool {
        self.tab == Tab::Edit && self.desk.mend.on
    }

    fn put_to_mend(&mut self, path: &std::path::Path, cx: &mut Cx<'_>) {
        cx.undo_point(ViewId::Explore, "mend another picture", self.snapshot());
        self.desk.mend.put(path.to_path_buf());
    }

    fn put_into_both(&mut self, path: &std::path::Path, cx: &mut Cx<'_>) {
        cx.undo_point(ViewId::Explore, "put a picture into both models", self.snapshot());
        twins::Twins::put(&mut self.desk, path);
    }

    fn is_kept(&self, stand: &Stand) -> bool {
        self.kept.contains(stand)
    }

    fn walk_trail(&mut self, by: i64, cx: &mut Cx<'_>) {
        if let Some(stand) = self.trail.go(by) {
            self.go_to(stand, cx);
        }
    }

    /// Goes to a place of the trail: no step of Undo, as Back and Forward are there for that.
    fn go_to(&mut self, stand: Stand, cx: &mut Cx<'_>) {
        if stand.model != self.desk.here.model {
            self.select(stand.model.clone(), cx);
        }
        self.desk.here = stand;
        self.desk.came = "A place visited before".into();
    }

    fn canvas(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut Out) {
        let Self { desk, tab, .. } = self;
        match tab {
            Tab::Sheet => self.sheet.show(ui, cx, info, desk, &self.kept, out),
            Tab::Grid => self.lattice.show(ui, cx, info, desk, out),
            Tab::Plane => self.plane.show(ui, cx, info, desk, out),
            Tab::Traverse => self.traverse.show(ui, cx, info, desk, out),
            Tab::Walk => self.walk.show(ui, cx, info, desk, out),
            Tab::Compare => self.compare.show(ui, cx, info, desk, out),
            Tab::Picture => self.picture.show(ui, cx, info, out),
            Tab::Directions => self.directions.show(ui, cx, info, desk, out),
            Tab::Map => self.map.show(ui, cx, info, desk, &mut self.directions, out),
            Tab::Film => self.film.show(ui, cx, info, desk, &mut self.directions, out),
            Tab::Breed => self.breed.show(ui, cx, info, desk, out),
            Tab::Edit => self.touch.show(ui, cx, info, desk, out),
            Tab::Atlas => self.atlas.show(ui, cx, info, desk, out),
            Tab::Inside => self.inside.show(ui, cx, info, desk, out),
            Tab::Models => self.twins.show(ui, cx, info, desk, out),
        }
    }

    fn read_keys(&mut self, ui: &Ui, cx: &mut Cx<'_>, out: &mut Out) {
        if !cx.has_keys(ViewId::Explore) || self.export.is_open() {
            return;
        }
        let pressed = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
        if pressed(Modifiers::ALT, Key::ArrowLeft) {
            self.walk_trail(-1, cx);
        }
        if pressed(Modifiers::ALT, Key::ArrowRight) {
            self.walk_trail(1, cx);
        }
        if pressed(Modifiers::NONE, Key::Period) {
            out.keep = self.meant();
        }
        if pressed(Modifiers::NONE, Key::R) {
            match self.tab {
                Tab::Sheet => sheet::roll(&mut self.desk.sheet, out),
                _ => out.stand = Some(inspector::dice()),
            }
        }
        if pressed(Modifiers::NONE, Key::P) && self.tab == Tab::Walk {
            self.walk.toggle();
        }
    }

    /// What a star means: the selected samples, or where one stands.
    fn meant(&self) -> Vec<Latent> {
        let chosen = self.sheet.selected(&self.desk.sheet);
        if self.tab == Tab::Sheet && !chosen.is_empty() { chosen } else { vec![self.desk.here.latent.clone()] }
    }
}

/// Whether this is one picture file; folders, archives and models go where they belong.
fn one_picture(paths: &[PathBuf]) -> bool {
    matches!(paths, [path] if image::ImageFormat::from_path(path).is_ok())
}

impl View for ExploreView {
    fn id(&self) -> ViewId {
        ViewId::Explore
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.choose_model(cx);
        let Some(info) = self.info(cx.studio) else {
            waiting(ui, cx, self.desk.here.model.is_some());
            return;
        };
        self.part(ui, cx, |view, ui, cx, out| {
            view.read_keys(ui, cx, out);
            view.bar(ui, cx, out);
            view.orphan_bar(ui, cx);
            view.canvas(ui, cx, &info, out);
        });
        self.export.show(ui, cx, ViewId::Explore);
        ghost(ui.ctx(), cx.textures);
    }

    fn has_inspector(&self, studio: &Studio) -> bool {
        self.info(studio).is_some()
    }

    fn inspector(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(info) = self.info(cx.studio) else { return };
        self.part(ui, cx, |view, ui, cx, out| view.show_inspector(ui, cx, &info, out));
    }

    fn has_filmstrip(&self, studio: &Studio) -> bool {
        self.info(studio).is_some()
    }

    fn filmstrip(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.show_strip(ui, cx);
    }

    fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        match event {
            Event::Generated { .. } => {
                for feed in [&mut self.present, &mut self.past] {
                    if feed.on_event(event, cx)
                        && let Some(wish) = feed.shown()
                    {
                        for (place, picture) in feed.fresh() {
                            let (model, truncation) = (Some(wish.model.clone()), wish.truncation);
                            let latent = wish.latents[place].clone();
                            self.trail.see(&Stand { model, latent, truncation }, picture);
                        }
                    }
                }
                self.sheet.feed.on_event(event, cx);
                self.traverse.feed.on_event(event, cx);
                self.compare.feed.on_event(event, cx);
                self.plane.on_event(event, cx);
                self.walk.on_event(event, cx);
                self.on_latent(event, cx);
            }
            Event::Latent(_) => {
                self.placed(event, cx);
                self.on_latent(event, cx);
            }
            Event::Encoded { .. } => {
                self.picture.on_event(event);
                self.twins.on_event(event, cx);
                self.placed(event, cx);
            }
            Event::Items { .. } => self.atlas.on_event(event, &mut self.desk.atlas, cx),
            // Weights behind the name may have changed since it was opened.
            Event::Models(models) => {
                let here = models.iter().find(|m| Some(&m.model) == self.desk.here.model.as_ref());
                let opened = here.and_then(|m| cx.studio.opened.get(&m.model));
                if let (Some(here), Some(opened)) = (here, opened)
                    && here.hash != opened.hash
                {
                    cx.send(Command::OpenModel { model: here.model.clone() });
                }
            }
            _ => {}
        }
    }

    fn receive(&mut self, parcel: &Parcel, cx: &mut Cx<'_>) {
        match parcel {
            Parcel::Explore { model, latent, truncation } => {
                let same = self.desk.here.model.as_ref() == Some(model);
                if latent.is_none() && same {
                    return;
                }
                let latent = latent.clone().unwrap_or(Latent::Seed { seed: 1 });
                self.stand(
                    Stand { model: Some(model.clone()), latent, truncation: *truncation },
                    "stand elsewhere",
                    cx,
                );
            }
            Parcel::Compare { model, latents } => {
                cx.undo_point(ViewId::Explore, "compare two latents", self.snapshot());
                self.select(Some(model.clone()), cx);
                self.desk.here.model = Some(model.clone());
                self.desk.compare.ends = latents.clone().map(Into::into);
                self.tab = Tab::Compare;
            }
            Parcel::Page(tab) => self.tab = *tab,
            Parcel::LeftOut { source, names } => self.atlas.leave_out(source, names),
            Parcel::Generated { path, recipe } => self.orphan = Some((path.clone(), recipe.clone())),
            Parcel::Picture(path) => {
                self.tab = Tab::Picture;
                self.picture.open(path);
            }
            Parcel::Picked { purpose, paths } if !self.export.picked(purpose, paths) => {
                if self.directions.picked(purpose, paths, cx)
                    || self.atlas.picked(purpose, paths)
                    || self.inside.picked(purpose, paths)
                {
                    return;
                }
                let (Some(path), Some(info)) = (paths.first(), self.info(cx.studio)) else { return };
                if *purpose == own::PICK {
                    let source = path.display().to_string();
                    cx.send(Command::Latent(LatentCommand::OwnData { model: info.model, source }));
                    return;
                }
                if *purpose == lattice::PICK {
                    self.lattice.picked(path, &info, cx);
                } else if let Some(end) = compare::PICKS.iter().position(|p| p == purpose) {
                    self.compare.places.encode(end, path, &info, cx);
                } else if let Some(term) = directions::sum::PICKS.iter().position(|p| p == purpose) {
                    self.directions.sum.places.encode(term, path, &info, cx);
                } else if *purpose == mend::SAVE {
                    self.touch.mend.save(path, &info, &self.desk, cx);
                } else if *purpose == mend::PICK || self.mends() {
                    self.put_to_mend(path, cx);
                } else if self.tab == Tab::Inside && self.inside.dropped(paths, &info) {
                    // A picture to look for faults in, shown from now on.
                } else if *purpose == twins::PICK || self.tab == Tab::Models {
                    self.put_into_both(path, cx);
                } else {
                    self.tab = Tab::Picture;
                    self.picture.open_all(paths);
                }
            }
            _ => {}
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], cx: &mut Cx<'_>) -> bool {
        let Some(info) = self.info(cx.studio) else { return false };
        match self.tab {
            Tab::Grid => self.lattice.places.dropped(paths, &info, cx),
            Tab::Compare => self.compare.places.dropped(paths, &info, cx),
            Tab::Directions => self.directions.sum.places.dropped(paths, &info, cx),
            Tab::Inside => self.inside.dropped(paths, &info),
            Tab::Models if one_picture(paths) => {
                self.put_into_both(&paths[0], cx);
                true
            }
            Tab::Edit if self.mends() && one_picture(paths) => {
                self.put_to_mend(&paths[0], cx);
                true
            }
            // Pictures and folders dropped here are meant for the model, not to train on.
            Tab::Picture if self.picture.takes(paths) => {
                self.picture.open_all(paths);
                true
            }
            _ => false,
        }
    }

    fn on_command(&mut self, command: UiCommand, cx: &mut Cx<'_>) -> bool {
        match command {
            UiCommand::Export => {
                let mut out = Out::default();
                self.export_tab(cx, &mut out);
                self.apply(out, cx);
                true
            }
            UiCommand::Keep => {
                let out = Out { keep: self.meant(), ..Out::default() };
                self.apply(out, cx);
                true
            }
            UiCommand::SelectAll if self.tab == Tab::Sheet => {
                self.sheet.select_all(&self.desk.sheet);
                true
            }
            _ => false,
        }
    }

    fn keys(&self) -> Vec<KeyHelp> {
        [
            ("Alt+Left, Alt+Right", "Back and forward through where you have been"),
            (".", "Keep what is selected, or where you stand, in the gallery with a star"),
            ("R", "Roll again: a new sheet, or a random place"),
            ("P", "Play or hold the walk"),
            ("B", "Hold to see the picture before (Picture, Edit, Inside)"),
            ("F, +, −", "See all of the atlas, come nearer, go back"),
            ("Shift and drag, Esc", "Draw a lasso on the atlas, drop it"),
            ("Arrows", "Move through the sheet or the grid"),
            ("Enter", "Stand at the selected sample or cell"),
        ]
        .map(|(keys, does)| KeyHelp { keys, does })
        .to_vec()
    }

    fn save(&self) -> serde_json::Value {
        let kept = Kept { desk: self.desk.clone(), tab: self.tab, trail: self.trail.kept() };
        serde_json::to_value(kept).unwrap_or_default()
    }

    fn restore(&mut self, kept: &serde_json::Value) {
        if let Ok(kept) = serde_json::from_value::<Kept>(kept.clone()) {
            self.desk = kept.desk;
            self.desk.mend();
            self.tab = kept.tab;
            self.trail.restore(&kept.trail);
        }
    }

    fn snapshot(&self) -> serde_json::Value {
        serde_json::to_value(&self.desk).unwrap_or_default()
    }

    fn go_back(&mut self, state: &serde_json::Value, cx: &mut Cx<'_>) {
        if let Ok(mut desk) = serde_json::from_value::<Desk>(state.clone()) {
            desk.mend();
            if desk.here.model != self.desk.here.model {
                self.select(desk.here.model.clone(), cx);
            }
            self.desk = desk;
            self.gesture = None;
        }
    }
}
