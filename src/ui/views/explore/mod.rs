//! Moving through what a model learned, in six groups of pages: finding pictures, blending and changing them, putting
//! photos in, films, and how the model works.
//!
//! One picture is present; it is the subject of every page, and every page leads to another one. All that is laid out is
//! the [`ExploreState`]: Undo comes back to it, and it is kept from one start to the next. Pages are rows of
//! [`tabs::TABS`] and know nothing of each other; pictures come by [`image_requests::ImageRequests`], which keep the old
//! ones on the screen while new ones are on the way.

mod actions;
mod bar;
mod choices;
mod explore_state;
mod history_strip;
mod image_requests;
mod inspector;
pub mod job_progress;
mod kept_drawer;
mod known_directions;
mod navigation_history;
mod page;
mod picture_slots;
pub mod provenance;
pub mod tabs;
#[cfg(test)]
pub(in crate::ui) mod testing;
#[cfg(test)]
mod tests;
mod use_in;
mod viewpoint;

use std::path::PathBuf;

use egui::{Key, Modifiers, Ui};
use serde::{Deserialize, Serialize};

use crate::engine::{Command, Event};
use crate::latent::latent_math::Dims;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, PictureRecipe};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::command::UiCommand;
use crate::ui::state::Studio;
use crate::ui::view::{Cx, KeyHelp, View, ViewId};
use crate::ui::widgets::export_dialog::ExportDialog;
use crate::ui::widgets::latent_slot::ghost;
use actions::{Gesture, waiting};
use explore_state::ExploreState;
use image_requests::ImageRequests;
use kept_drawer::KeptDrawer;
use navigation_history::NavigationHistory;
use page::{Page, PageActions, PageCx, Picked, Shared};
use tabs::photo_folder::several;
use tabs::{BETWEEN, FIRST, FOLDER, Group, PHOTO, TABS};
use viewpoint::{Viewpoint, misfit, random_seed};

/// Seconds that a model may take to be found before another one is shown.
const PATIENCE: f64 = 6.0;

/// The view.
pub struct ExploreView {
    state: ExploreState,
    /// The page that is shown, by its id.
    tab: &'static str,
    /// As many as rows in the table, in its order.
    pages: Vec<Box<dyn Page>>,
    shared: Shared,
    history: NavigationHistory,
    gesture: Option<Gesture>,
    /// The page that was opened last, and with which model.
    begun: Option<(&'static str, Option<ModelRef>)>,
    /// The model that was asked to be opened last.
    asked: Option<ModelRef>,
    /// When it was asked for.
    asked_at: f64,
    /// Hash of its weights: pictures are made again when it changes.
    hash: String,
    /// What was laid out fits this model (its name, and how many numbers its latents have).
    fits: Option<(ModelRef, Dims)>,
    /// The selection of the window as last seen, to notice when it changes elsewhere.
    selected: Option<ModelRef>,
    present: ImageRequests,
    past: ImageRequests,
    kept: KeptDrawer,
    /// Whether the strip shows kept pictures, too.
    drawer: bool,
    menu: Option<use_in::Menu>,
    export: ExportDialog,
    /// Whether the inspector shows all dimensions.
    all_sliders: bool,
    /// A picture whose model is not here.
    orphan: Option<(PathBuf, Box<PictureRecipe>)>,
}

impl Default for ExploreView {
    fn default() -> Self {
        Self {
            state: ExploreState::default(),
            tab: FIRST,
            pages: TABS.iter().map(|tab| (tab.new)()).collect(),
            shared: Shared::default(),
            history: NavigationHistory::default(),
            gesture: None,
            begun: None,
            asked: None,
            asked_at: 0.0,
            hash: String::new(),
            fits: None,
            selected: None,
            present: ImageRequests::default(),
            past: ImageRequests::default(),
            kept: KeptDrawer::default(),
            drawer: true,
            menu: None,
            export: ExportDialog::default(),
            all_sliders: false,
            orphan: None,
        }
    }
}

/// What is kept from one start to the next.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct SavedState {
    #[serde(alias = "desk")]
    state: ExploreState,
    #[serde(alias = "tab")]
    page: String,
    #[serde(alias = "trail")]
    history: Vec<Viewpoint>,
    drawer: bool,
}

impl Default for SavedState {
    fn default() -> Self {
        Self { state: ExploreState::default(), page: FIRST.into(), history: Vec::new(), drawer: true }
    }
}

impl ExploreView {
    /// The model in use, as the studio knows it.
    fn info(&self, studio: &Studio) -> Option<ModelInfo> {
        self.state.here.model.as_deref().and_then(|m| studio.model(m)).cloned()
    }

    /// The page that is shown.
    fn page(&mut self) -> &mut dyn Page {
        &mut *self.pages[tabs::place(self.tab)]
    }

    /// Shows a page, by its id.
    fn show_page(&mut self, id: &str) {
        self.tab = tabs::row(id).id;
    }

    /// Has a page that was just opened begin at the present picture.
    fn begin(&mut self, info: &ModelInfo) {
        let now = (self.tab, Some(info.model.clone()));
        if self.begun.as_ref() != Some(&now) {
            self.begun = Some(now);
            self.pages[tabs::place(self.tab)].begin(&mut self.state, info);
        }
    }

    /// Follows the selection of the window; falls back to the first model there is.
    fn choose_model(&mut self, cx: &mut Cx<'_>) {
        if cx.studio.selection.model != self.selected {
            self.selected.clone_from(&cx.studio.selection.model);
            if self.selected.is_some() {
                self.state.here.model.clone_from(&self.selected);
            }
        }
        let gone = self.state.here.model.as_deref().is_none_or(|m| {
            let waited = self.asked.as_deref() == Some(m) && cx.time - self.asked_at > PATIENCE;
            cx.studio.models_known && cx.studio.model(m).is_none() && waited
        });
        if gone && let Some(first) = cx.studio.models.iter().find(|m| m.has_latents()) {
            self.state.here.model = Some(first.model.clone());
        }
        if self.asked != self.state.here.model
            && let Some(model) = self.state.here.model.clone()
        {
            cx.send(Command::OpenModel { model: model.clone() });
            (self.asked, self.asked_at) = (Some(model), cx.time);
        }
        let hash = self.info(cx.studio).map(|i| i.hash).unwrap_or_default();
        if hash != self.hash {
            // The same name, other weights: a run saved a checkpoint.
            self.hash = hash;
            self.present.expire();
            self.past.expire();
            self.pages.iter_mut().for_each(|page| page.expire());
        }
    }

    /// Has all that is laid out fit the model in use, before a picture of it is asked for.
    fn fit(&mut self, info: &ModelInfo, cx: &Cx<'_>) {
        let of = (info.model.clone(), Dims::of(info));
        let why = if self.fits.as_ref() == Some(&of) {
            self.state.fit_here(info)
        } else {
            self.fits = Some(of);
            self.history.clean(|viewpoint| {
                let made_by = viewpoint.model.as_deref().and_then(|m| cx.studio.model(m));
                made_by.is_some_and(|info| misfit(&viewpoint.latent, info).is_some())
            });
            self.state.fit_to(info)
        };
        if let Some(why) = why {
            self.state.provenance = format!("In place of one that {} cannot make. {why}", info.name);
        }
    }

    /// Opens a picture, of any model, as one step of Undo. `from`: where it came from, in words.
    fn open_at(&mut self, viewpoint: Viewpoint, label: &str, from: &str, cx: &mut Cx<'_>) {
        if viewpoint == self.state.here {
            return;
        }
        self.state.undo_point(label, cx);
        if viewpoint.model != self.state.here.model {
            self.select(viewpoint.model.clone(), cx);
        }
        self.state.here = viewpoint;
        self.state.provenance = from.into();
        if let Some(info) = self.info(cx.studio) {
            self.fit(&info, cx);
            self.history.visit(&self.state.here);
        }
    }

    fn select(&mut self, model: Option<ModelRef>, cx: &mut Cx<'_>) {
        self.selected.clone_from(&model);
        cx.push(Action::SelectModel(model));
    }

    fn is_kept(&self, viewpoint: &Viewpoint) -> bool {
        self.shared.kept.contains(viewpoint)
    }

    fn go_through_history(&mut self, by: i64, cx: &mut Cx<'_>) {
        if let Some(viewpoint) = self.history.go(by) {
            self.go_to(viewpoint, cx);
        }
    }

    /// Goes to a place of the history: no step of Undo, as Back and Forward are there for that.
    fn go_to(&mut self, viewpoint: Viewpoint, cx: &mut Cx<'_>) {
        if viewpoint.model != self.state.here.model {
            self.select(viewpoint.model.clone(), cx);
        }
        self.state.here = viewpoint;
        self.state.provenance = provenance::HISTORY.into();
    }

    /// Where a picture that is opened on the page that is shown came from, in words.
    fn provenance(&self, label: Option<&str>) -> String {
        let page = &self.pages[tabs::place(self.tab)];
        page.provenance(&self.state, label).unwrap_or_else(|| format!("From {}", tabs::row(self.tab).title))
    }

    fn read_keys(&mut self, ui: &Ui, cx: &mut Cx<'_>, out: &mut PageActions) {
        if !cx.has_keys(ViewId::Explore) || self.export.is_open() {
            return;
        }
        let pressed = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
        for (key, by) in [(Key::ArrowLeft, -1), (Key::ArrowRight, 1)] {
            if pressed(Modifiers::ALT, key) {
                self.go_through_history(by, cx);
            }
        }
        for (key, by) in [(Key::OpenBracket, -1), (Key::CloseBracket, 1)] {
            if pressed(Modifiers::NONE, key) {
                out.page = Some(tabs::beside(self.tab, by));
            }
        }
        if pressed(Modifiers::NONE, Key::Period) {
            out.keep = self.meant();
        }
        if pressed(Modifiers::NONE, Key::U) {
            self.menu_of_present(ui);
        }
        if pressed(Modifiers::NONE, Key::R) {
            let at = tabs::place(self.tab);
            if !self.pages[at].shuffle(&mut self.state, out) {
                out.open = Some(random_seed());
            }
        }
        if pressed(Modifiers::NONE, Key::P) {
            self.page().toggle();
        }
    }

    /// What a star means: what is selected, or the present picture.
    fn meant(&self) -> Vec<Latent> {
        let chosen = self.pages[tabs::place(self.tab)].chosen(&self.state);
        if chosen.is_empty() { vec![self.state.here.latent.clone()] } else { chosen }
    }

    /// Puts photos into the model: one, or several and those of folders.
    fn take_photos(&mut self, paths: &[PathBuf]) {
        let alone = paths.len() == 1 && !paths[0].is_dir();
        let page = if alone { PHOTO } else { FOLDER };
        if self.pages[tabs::place(page)].take_files(paths) {
            self.show_page(page);
        }
    }

    /// Files were chosen in a dialog of Explore.
    fn picked(&mut self, purpose: &'static str, paths: &[PathBuf], cx: &mut Cx<'_>) {
        let (false, Some(info)) = (paths.is_empty(), self.info(cx.studio)) else { return };
        if self.shared.own_data.picked(purpose, paths, cx) {
            return;
        }
        let picked = Picked { purpose, paths, info: &info };
        let Self { pages, state, .. } = self;
        if pages.iter_mut().any(|page| page.picked(&picked, state, cx)) {
            return;
        }
        // The page that is shown opened a dialog for pictures of any purpose.
        let at = tabs::place(self.tab);
        if !self.pages[at].take_files(paths) {
            self.take_photos(paths);
        }
    }
}

/// Tells the history what its places look like, or that there is no picture of them.
fn look_back(history: &mut NavigationHistory, feed: &ImageRequests) {
    let Some(wish) = feed.shown() else { return };
    let viewpoint = |place: usize| {
        let (model, truncation) = (Some(wish.model.clone()), wish.truncation);
        Viewpoint { model, latent: wish.latents[place].clone(), truncation }
    };
    for (place, picture) in feed.fresh() {
        history.see(&viewpoint(place), picture);
    }
    for place in 0..wish.latents.len() {
        if let Some(why) = feed.broken(place) {
            history.give_up(&viewpoint(place), why);
        }
    }
}

impl View for ExploreView {
    fn id(&self) -> ViewId {
        ViewId::Explore
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.choose_model(cx);
        let Some(info) = self.info(cx.studio) else {
            waiting(ui, cx, self.state.here.model.is_some());
            return;
        };
        self.fit(&info, cx);
        self.begin(&info);
        self.shared.own_data.follow(&info.model, cx);
        self.shared.present = self.present.picture(0).cloned();
        self.part(ui, cx, |view, ui, cx, out| {
            view.read_keys(ui, cx, out);
            view.bar(ui, cx, &info, out);
            view.orphan_bar(ui, cx);
            let Self { pages, state, shared, tab, .. } = view;
            pages[tabs::place(tab)].ui(ui, PageCx { cx, info: &info, state, shared, out });
            view.picture_menu(ui, cx, &info, out);
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
        if let Event::Generated { .. } | Event::NotGenerated { .. } = event {
            for feed in [&mut self.present, &mut self.past] {
                if feed.on_event(event, cx) {
                    look_back(&mut self.history, feed);
                }
            }
        }
        // Weights behind the name may have changed since it was opened.
        if let Event::Models(models) = event {
            let here = models.iter().find(|m| Some(&m.model) == self.state.here.model.as_ref());
            let opened = here.and_then(|m| cx.studio.opened.get(&m.model));
            if let (Some(here), Some(opened)) = (here, opened)
                && here.hash != opened.hash
            {
                cx.send(Command::OpenModel { model: here.model.clone() });
            }
        }
        let info = self.info(cx.studio);
        self.kept.on_event(event, info.as_ref(), cx);
        self.shared.directions.on_event(event);
        self.shared.own_data.on_event(event);
        for page in &mut self.pages {
            page.on_event(event, &mut self.state, cx);
        }
    }

    fn receive(&mut self, parcel: &ViewMessage, cx: &mut Cx<'_>) {
        match parcel {
            ViewMessage::Explore { model, latent, truncation, from } => {
                let same = self.state.here.model.as_ref() == Some(model);
                if latent.is_none() {
                    self.show_page(FIRST);
                    if same {
                        return;
                    }
                }
                let latent = latent.clone().unwrap_or(Latent::Seed { seed: 1 });
                let viewpoint = Viewpoint { model: Some(model.clone()), latent, truncation: *truncation };
                let from = from.as_deref().unwrap_or(provenance::BEGINNING);
                self.open_at(viewpoint, "open a picture", from, cx);
            }
            ViewMessage::Compare { model, latents } => {
                self.state.undo_point("compare two pictures", cx);
                self.select(Some(model.clone()), cx);
                self.state.here.model = Some(model.clone());
                self.state.between.ends = latents.clone().map(Into::into);
                self.fits = None;
                self.show_page(BETWEEN);
            }
            ViewMessage::Page(id) => self.show_page(id),
            ViewMessage::LeftOut { source, names } => {
                self.pages.iter_mut().for_each(|page| page.left_out(source, names));
            }
            ViewMessage::Generated { path, recipe } => self.orphan = Some((path.clone(), recipe.clone())),
            ViewMessage::Picture(path) => self.take_photos(std::slice::from_ref(path)),
            ViewMessage::Picked { purpose, paths } if !self.export.picked(purpose, paths) => {
                self.picked(purpose, paths, cx);
            }
            _ => {}
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], cx: &mut Cx<'_>) -> bool {
        let Some(info) = self.info(cx.studio) else { return false };
        let Self { pages, state, tab, .. } = self;
        if pages[tabs::place(tab)].on_drop(paths, &info, state, cx) {
            return true;
        }
        // Photos that are dropped on a page of photos are meant for the model, not to train on.
        let meant = tabs::row(self.tab).group == Group::Photo && several(paths);
        if meant {
            self.take_photos(paths);
        }
        meant
    }

    fn on_command(&mut self, command: UiCommand, cx: &mut Cx<'_>) -> bool {
        match command {
            UiCommand::Export => {
                let mut out = PageActions::default();
                self.export_page(cx, &mut out);
                self.apply(out, cx);
                true
            }
            UiCommand::Keep => {
                let out = PageActions { keep: self.meant(), ..PageActions::default() };
                self.apply(out, cx);
                true
            }
            UiCommand::SelectAll if !self.export.is_open() => self.pages[tabs::place(self.tab)].select_all(&self.state),
            _ => false,
        }
    }

    fn keys(&self) -> Vec<KeyHelp> {
        [
            ("[ and ]", "The page before and after"),
            ("U", "Use this picture in another page"),
            ("Alt+Left, Alt+Right", "Back and forward through the history"),
            (".", "Keep what is selected, or this picture, in the gallery with a star"),
            ("R", "Shuffle: other samples, or a random picture"),
            ("P", "Play or pause the film"),
            ("B", "Hold to see the picture before (Find, Edit by hand, Repair, Activations)"),
            ("F, +, −", "See all of the atlas, zoom in, zoom out"),
            ("Shift and drag, Esc", "Draw a lasso on the atlas, drop it"),
            ("Arrows", "Move through samples or the grid"),
            ("Enter", "Open the selected sample or cell"),
        ]
        .map(|(keys, does)| KeyHelp { keys, does })
        .to_vec()
    }

    fn save(&self) -> serde_json::Value {
        let (state, history) = (self.state.clone(), self.history.kept());
        let kept = SavedState { state, page: self.tab.into(), history, drawer: self.drawer };
        serde_json::to_value(kept).unwrap_or_default()
    }

    fn restore(&mut self, kept: &serde_json::Value) {
        if let Ok(kept) = serde_json::from_value::<SavedState>(kept.clone()) {
            self.state = kept.state;
            self.state.clamp();
            self.fits = None;
            self.drawer = kept.drawer;
            self.show_page(&kept.page);
            self.history.restore(&kept.history);
        }
    }

    fn snapshot(&self) -> serde_json::Value {
        self.state.snapshot()
    }

    fn go_back(&mut self, state: &serde_json::Value, cx: &mut Cx<'_>) {
        if let Ok(mut state) = serde_json::from_value::<ExploreState>(state.clone()) {
            state.clamp();
            if state.here.model != self.state.here.model {
                self.select(state.here.model.clone(), cx);
            }
            self.state = state;
            (self.gesture, self.fits) = (None, None);
            self.history.seek(&self.state.here);
        }
    }
}
