//! Moving through what a model learned: sheets, grids, planes, single dimensions, films, pairs, pictures from elsewhere.
//!
//! One stands at a latent; every tab is a way to another one. All that is laid out is the [`Desk`]: Undo comes back to
//! it, and it is kept from one start to the next. Pictures come by [`feed::Feed`]s, which keep the old ones on the
//! screen while new ones are on the way.

mod bar;
mod breed;
mod compare;
mod desk;
mod directions;
mod feed;
mod film;
mod inspector;
mod lattice;
mod map;
mod photo;
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
mod walk;

use std::path::PathBuf;

use egui::{Key, Modifiers, Ui};
use egui_material_icons::icons::ICON_EXPLORE;
use serde::{Deserialize, Serialize};

use super::{Cx, KeyHelp, View, ViewId};
use crate::base::Problem;
use crate::engine::{Command, Event};
use crate::latent::film::Timeline;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, PictureRecipe};
use crate::ui::action::{Action, Parcel};
use crate::ui::command::UiCommand;
use crate::ui::state::Studio;
use crate::ui::theme;
use crate::ui::widgets::export_dialog::{ExportDialog, Subject};
use crate::ui::widgets::latent_slot::ghost;
pub use desk::{Desk, Stand, Tab};
use feed::{Feed, Wish};
use trail::Trail;

/// Seconds of typing or key presses that make one step of Undo.
const TYPING: f64 = 0.8;
/// Seconds that a model may take to be found before another one is shown.
const PATIENCE: f64 = 6.0;

/// What a tab wants; applied once it is drawn.
#[derive(Default)]
struct Out {
    /// Stand here.
    stand: Option<Latent>,
    /// Keep these in the gallery, starred.
    keep: Vec<Latent>,
    /// Export these: latents, what made them, columns on the screen, proposed format.
    export: Option<(Vec<Latent>, &'static str, u32, Option<&'static str>)>,
    /// What changed on the desk, as Undo calls it.
    label: Option<&'static str>,
    /// A picture of another model was dropped on a slot.
    foreign: bool,
    /// Look at another model.
    model: Option<ModelRef>,
    /// Render this film.
    film: Option<Timeline>,
}

/// A change that is still going on: a drag, or typing.
struct Gesture {
    label: &'static str,
    time: f64,
    held: bool,
    /// The pass in which the pointer was let go; what changes in it still belongs to the drag.
    released: u64,
}

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
            for feed in [&mut self.present, &mut self.past, &mut self.sheet.feed, &mut self.lattice.feed] {
                feed.expire();
            }
            self.traverse.feed.expire();
            self.compare.feed.expire();
            self.directions.feed.expire();
            for feed in [&mut self.film.keys, &mut self.film.screen, &mut self.breed.parents, &mut self.breed.feed] {
                feed.expire();
            }
            self.touch.feed.expire();
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
        self.trail.visit(&self.desk.here);
    }

    fn select(&mut self, model: Option<ModelRef>, cx: &mut Cx<'_>) {
        self.selected.clone_from(&model);
        cx.push(Action::SelectModel(model));
    }

    /// Draws a part, then applies what it wants, keeps a step of Undo where one is due, and asks for pictures.
    fn part(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, draw: impl FnOnce(&mut Self, &mut Ui, &mut Cx<'_>, &mut Out)) {
        let before = self.desk.clone();
        let mut out = Out::default();
        draw(self, ui, cx, &mut out);
        if let Some(latent) = out.stand.take() {
            self.desk.here.latent = self.desk.here.classed(&latent);
            out.label.get_or_insert("stand elsewhere");
        }
        if let Some(model) = out.model.take() {
            self.select(Some(model.clone()), cx);
            self.desk.here.model = Some(model);
            self.desk.here.latent = self.desk.here.latent.with_class(&[]);
            out.label = Some("change model");
        }
        let held = ui.input(|i| i.pointer.any_down());
        let pass = ui.ctx().cumulative_pass_nr();
        if let Some(gesture) = self.gesture.as_mut().filter(|g| g.held && !held) {
            (gesture.held, gesture.released) = (false, pass);
        }
        if self.desk != before {
            let label = out.label.unwrap_or("change Explore");
            let typing =
                ui.input(|i| i.events.iter().any(|e| matches!(e, egui::Event::Key { .. } | egui::Event::Text(_))));
            let going_on = self.gesture.as_ref().is_some_and(|g| {
                g.held || g.released == pass || g.label == label && typing && cx.time - g.time < TYPING
            });
            if !going_on {
                let state = serde_json::to_value(&before).unwrap_or_default();
                cx.undo_point(ViewId::Explore, label, state);
            }
            let released = if held { 0 } else { self.gesture.as_ref().map_or(0, |g| g.released) };
            self.gesture = Some(Gesture { label, time: cx.time, held, released });
        }
        if !held && self.desk.here.model.is_some() {
            self.trail.visit(&self.desk.here);
        }
        self.apply(out, cx);
        self.look(cx);
    }

    fn apply(&mut self, mut out: Out, cx: &mut Cx<'_>) {
        let Some(info) = self.info(cx.studio) else { return };
        if out.foreign {
            cx.say(
                Problem::usage("This picture was made by another model")
                    .try_this("Choose that model first, or drag a picture of this one")
                    .info(),
            );
        }
        let truncation = self.desk.here.truncation;
        if !out.keep.is_empty() {
            out.keep = self.desk.here.all_classed(&out.keep);
            for latent in &out.keep {
                self.kept.push(Stand { model: Some(info.model.clone()), latent: latent.clone(), truncation });
            }
            let (model, made_by) = (info.model.clone(), "sample".to_string());
            cx.send(Command::Keep { model, latents: out.keep, truncation, made_by, starred: true });
        }
        if let Some(timeline) = out.film {
            let subject = Subject::Film { model: info.model.clone(), timeline: Box::new(timeline) };
            self.export.begin(subject, &info.name, info.resolution, Some("mp4"), &cx.studio.settings.export);
        }
        if let Some((latents, made_by, columns, format)) = out.export {
            let latents = self.desk.here.all_classed(&latents);
            let subject = Subject::Latents { model: info.model.clone(), latents, truncation, made_by, columns };
            self.export.begin(subject, &info.name, info.resolution, format, &cx.studio.settings.export);
        }
    }

    /// Asks for the picture of where one stands, and for those of the strip.
    fn look(&mut self, cx: &mut Cx<'_>) {
        let here = &self.desk.here;
        let Some(model) = here.model.clone().filter(|m| cx.studio.model(m).is_some()) else { return };
        let truncation = here.truncation;
        self.present.want(Wish { model, latents: vec![here.latent.clone()], truncation }, cx);
        let unseen = self.trail.unseen(12);
        // The present place gets its picture from `present`; others are asked for when that one has arrived.
        if unseen.iter().any(|s| *s != self.desk.here) && !self.present.is_busy(cx.time) && !self.past.is_busy(cx.time)
        {
            let Some(Stand { model: Some(model), truncation, .. }) = unseen.first().cloned() else { return };
            if cx.studio.model(&model).is_some() {
                let latents = unseen.into_iter().map(|s| s.latent).collect();
                self.past.want(Wish { model, latents, truncation }, cx);
            }
        }
    }

    /// News for the tabs that travel through latent space.
    fn on_latent(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.directions.on_event(event, cx);
        self.film.on_event(event, cx);
        self.breed.on_event(event, cx);
        self.touch.on_event(event, cx);
        self.map.on_event(event);
        self.picture.on_event(event);
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
            Tab::Picture => self.picture.show(ui, cx, info, desk, out),
            Tab::Directions => self.directions.show(ui, cx, info, desk, out),
            Tab::Map => self.map.show(ui, cx, info, desk, &mut self.directions, out),
            Tab::Film => self.film.show(ui, cx, info, desk, &mut self.directions, out),
            Tab::Breed => self.breed.show(ui, cx, info, desk, out),
            Tab::Edit => self.touch.show(ui, cx, info, desk, out),
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
                self.lattice.feed.on_event(event, cx);
                self.traverse.feed.on_event(event, cx);
                self.compare.feed.on_event(event, cx);
                self.plane.on_event(event, cx);
                self.walk.on_event(event, cx);
                self.on_latent(event, cx);
            }
            Event::Latent(_) => self.on_latent(event, cx),
            Event::Encoded { .. } => {
                self.picture.on_event(event);
                if let Some((corner, latent)) = self.lattice.places.encoded(event) {
                    cx.undo_point(ViewId::Explore, "put a picture in a corner", self.snapshot());
                    self.desk.grid.corners[corner] = latent.into();
                }
                if let Some((end, latent)) = self.compare.places.encoded(event) {
                    cx.undo_point(ViewId::Explore, "compare with a picture", self.snapshot());
                    self.desk.compare.ends[end] = latent.into();
                }
            }
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
            Parcel::Generated { path, recipe } => self.orphan = Some((path.clone(), recipe.clone())),
            Parcel::Picture(path) => {
                self.tab = Tab::Picture;
                self.picture.open(path);
            }
            Parcel::Picked { purpose, paths } if !self.export.picked(purpose, paths) => {
                if self.directions.picked(purpose, paths, cx) {
                    return;
                }
                let (Some(path), Some(info)) = (paths.first(), self.info(cx.studio)) else { return };
                if let Some(corner) = lattice::PICKS.iter().position(|p| p == purpose) {
                    self.lattice.places.encode(corner, path, &info, cx);
                } else if let Some(end) = compare::PICKS.iter().position(|p| p == purpose) {
                    self.compare.places.encode(end, path, &info, cx);
                } else {
                    self.tab = Tab::Picture;
                    self.picture.open(path);
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
            ("B", "Hold to see the picture before (Picture, Edit)"),
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

/// While no model is known: what comes, or what to do.
fn waiting(ui: &mut Ui, cx: &mut Cx<'_>, opening: bool) {
    if cx.studio.models_known && !opening {
        let text = "Train one on your pictures, or import a checkpoint file";
        let button =
            theme::empty_state(ui, ICON_EXPLORE, "No model to explore yet", text, Some("Train on your pictures"));
        if button.is_some_and(|b| b.clicked()) {
            cx.go(ViewId::Data);
        }
        return;
    }
    // The shape of the sheet that comes; a model that is not found is given up after a while.
    ui.ctx().request_repaint_after(std::time::Duration::from_secs(1));
    let room = ui.available_rect_before_wrap().shrink(theme::size::M);
    let t = theme::tokens(ui);
    let columns = (room.width() / 104.0).floor().max(1.0);
    let side = (room.width() - 4.0 * (columns - 1.0)) / columns;
    for row in 0..(room.height() / (side + 4.0)).floor() as usize {
        for column in 0..columns as usize {
            let at = room.min + egui::vec2(column as f32, row as f32) * (side + 4.0);
            ui.painter().rect_filled(egui::Rect::from_min_size(at, egui::Vec2::splat(side)), 2.0, t.raised);
        }
    }
}
