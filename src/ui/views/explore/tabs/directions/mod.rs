//! Directions: found, pushed along by sliders, seen as strips, measured, taken apart, kept with the model.

mod detail;
mod find;
pub mod state;
mod styles;
mod sum;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use egui::{ComboBox, Slider, Ui};
use egui_material_icons::icons::{
    ICON_CALL_SPLIT, ICON_DELETE, ICON_FILE_OPEN, ICON_IOS_SHARE, ICON_RESTART_ALT, ICON_SEARCH, ICON_SPEED,
    ICON_THUMB_DOWN, ICON_THUMB_UP,
};

use crate::base::Family;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent, RecordsCommand, RecordsEvent};
use crate::latent::directions::search::Find;
use crate::latent::directions::{Direction, Method, Move};
use crate::latent::latent_math::Dims;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, Space};
use crate::ui::action::PickKind;
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::ImageRequests;
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::views::explore::provenance::list;
use crate::ui::views::explore::tabs::directions::state::{How, PICKS, Strengths, SumState, Term};
use crate::ui::widgets::latent_slot::latent_label;
use crate::ui::widgets::own_data;
use styles::Styles;
use sum::{OPEN_SUM, Sum};

/// Purposes of the file dialogs.
const PURPOSE_IMPORT: &str = "import directions";
const PURPOSE_EXPORT: &str = "export directions";
/// Pictures across a strip.
pub const STRIP: usize = 7;
/// Standard deviations at its ends.
const REACH: f32 = 3.0;

/// A push that the engine makes.
struct Push {
    ticket: u64,
    base: Latent,
    strengths: Strengths,
    since: f64,
}

/// Seconds after which a push is held to have failed.
const PATIENCE: f64 = 5.0;

/// The tab's own state.
#[derive(Default)]
pub struct Directions {
    feed: ImageRequests,
    sum: Sum,
    /// The model whose directions these are.
    model: Option<ModelRef>,
    all: Arc<Vec<Direction>>,
    chosen: usize,
    /// The chosen one was just found: its row is to be seen.
    found: bool,
    /// Starts of the strip as styles, where a direction moves some.
    styles: Styles,
    /// A push that is on its way.
    push: Option<Push>,
    /// What the sliders say while a push is on its way.
    wanted: Option<Strengths>,
    /// What the engine made of a push.
    arrived: Option<(Latent, Latent, Strengths)>,
    /// What the strip shows.
    shown: Vec<Latent>,
    job: Option<JobId>,
    /// What was looked for last.
    sought: Option<Find>,
    liked: Vec<Latent>,
    disliked: Vec<Latent>,
    rename: Option<(String, String)>,
    /// Names ticked to be taken out of the chosen direction.
    ticked: Vec<String>,
    /// Terms of the sum that the page began with.
    begun: Vec<Term>,
}

impl Page for Directions {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, shared, out }: PageCx<'_, '_>) {
        self.follow(info, cx);
        let here = state.here.latent.clone();
        let mut base = state.directions.pushed(&info.model, &here).cloned();
        if let Some((from, latent, strengths)) = self.arrived.take() {
            // Sliders may have gone on in the meantime.
            let again = self.wanted.take().filter(|w| *w != strengths);
            self.led(&from, latent, strengths, info, state, out);
            self.wanted = again;
            base = Some(from);
        }
        let mut strengths = match (&self.wanted, &base) {
            (Some(wanted), _) => wanted.clone(),
            (None, Some(_)) => state.directions.strengths.clone(),
            (None, None) => Strengths::new(),
        };
        let base = base.unwrap_or(here);
        theme::toolbar(ui, |ui| {
            self.how(ui, cx, info, state, out);
            self.taste(ui, cx, info, state, &base, &mut strengths);
        });
        let before = strengths.clone();
        theme::page(ui, "directions", |ui| {
            let find = &state.directions.find;
            let wants_data = matches!(find.how, How::Codes | How::Known) && find.data.trim().is_empty();
            if !(wants_data && shared.own_data.ask(ui, cx, ViewId::Explore, &info.model)) {
                own_data::offer(ui, cx, ViewId::Explore, self.job);
            }
            if self.all.is_empty() {
                theme::weak(ui, "No directions yet. Find some, or mark four pictures that you like or dislike.");
            } else {
                self.chosen = self.chosen.min(self.all.len() - 1);
                self.strip(ui, cx, info, state, &base, out);
                self.detail(ui, cx, info, state, out);
                ui.add_space(size::S);
                for i in 0..self.all.len() {
                    self.row(ui, cx, info, i, &mut strengths);
                }
            }
            self.sum.show(ui, cx, info, state, out);
        });
        if strengths != before || self.wanted.is_some() && self.push.is_none() {
            self.go(&base, strengths, info, state, out, cx);
        }
    }

    fn on_event(&mut self, event: &Event, state: &mut ExploreState, cx: &mut Cx<'_>) {
        if let Some((term, latent)) = self.sum.places.encoded(event)
            && term < state.sum.terms.len()
        {
            state.undo_point("put a picture in a sum", cx);
            state.sum.terms[term].anchor = latent.into();
        }
        self.feed.on_event(event, cx);
        self.sum.feed.on_event(event, cx);
        self.sum.styles.on_event(event);
        self.styles.on_event(event);
        match event {
            Event::Records(event) => {
                let info = self.model.as_ref().and_then(|model| cx.studio.models.iter().find(|m| m.model == *model));
                if let (RecordsEvent::Taste { model, liked, disliked }, Some(info)) = (&**event, info)
                    && info.hash == *model
                {
                    (self.liked, self.disliked) = (liked.clone(), disliked.clone());
                }
            }
            Event::Latent(LatentEvent::Directions { model, directions }) if self.model.as_ref() == Some(model) => {
                self.all = directions.clone();
                self.ticked.retain(|name| directions.iter().any(|d| d.name == *name));
            }
            Event::Latent(LatentEvent::DirectionsFound { job, names, .. }) if Some(*job) == self.job => {
                if let Some(place) = self.all.iter().position(|d| names.first() == Some(&d.name)) {
                    (self.chosen, self.found) = (place, true);
                }
            }
            Event::Latent(LatentEvent::OwnData { model })
                if self.model.as_ref() == Some(model) && own_data::is_wanted(self.job, cx) =>
            {
                let Some(find) = self.sought.clone() else { return };
                let job = cx.new_job();
                cx.send(Command::Latent(LatentCommand::FindDirections { job, model: model.clone(), find }));
                self.job = Some(job);
            }
            Event::Latent(LatentEvent::Latents { ticket, latents, .. }) => {
                if let Some(push) = self.push.take_if(|p| p.ticket == *ticket)
                    && let Some(latent) = latents.first()
                {
                    self.arrived = Some((push.base, latent.clone(), push.strengths));
                }
            }
            _ => {}
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], info: &ModelInfo, _state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        self.sum.places.dropped(paths, info, cx)
    }

    fn picked(&mut self, picked: &Picked<'_>, _state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        let purpose = picked.purpose;
        if let Some(term) = PICKS.iter().position(|p| *p == purpose) {
            self.sum.places.encode(term, picked.first(), picked.info, cx);
            return true;
        }
        if purpose != PURPOSE_IMPORT && purpose != PURPOSE_EXPORT {
            return false;
        }
        if let (Some(path), Some(model)) = (Some(picked.first().to_path_buf()), self.model.clone()) {
            let command = if purpose == PURPOSE_IMPORT {
                LatentCommand::ImportDirections { model, path }
            } else {
                LatentCommand::ExportDirections { job: cx.new_job(), model, names: Vec::new(), out: path }
            };
            cx.send(Command::Latent(command));
        }
        true
    }

    fn begin(&mut self, state: &mut ExploreState, _info: &ModelInfo) {
        let untouched = SumState::default().terms;
        if state.sum.terms == untouched || state.sum.terms == self.begun {
            state.sum.terms = untouched;
            state.sum.terms[0].anchor = state.here.latent.clone().into();
            self.begun.clone_from(&state.sum.terms);
        }
    }

    fn take(&mut self, _slot: usize, latent: &Latent, state: &mut ExploreState) {
        if state.sum.terms.len() < PICKS.len() {
            state.sum.terms.push(Term { minus: false, anchor: latent.clone().into() });
        }
    }

    fn export(&self, state: &ExploreState, _info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.export = Some(match self.shown() {
            Some(latents) => (latents, "direction", STRIP as u32, Some("grid")),
            None => (vec![state.here.latent.clone()], "sample", 0, Some("png")),
        });
    }

    fn provenance(&self, state: &ExploreState, label: Option<&str>) -> Option<String> {
        if label == Some(OPEN_SUM) {
            let term = |t: &Term| format!("{} {}", if t.minus { "−" } else { "+" }, t.anchor.label());
            let terms: Vec<String> = state.sum.terms.iter().map(term).collect();
            return Some(format!("Sum {}", terms.join(" ")));
        }
        let d = &state.directions;
        let from = d.base.as_ref().map_or_else(String::new, |b| latent_label(&b.1));
        let moved = d.strengths.iter().filter(|s| *s.1 != 0.0);
        let moved: Vec<String> = moved.map(|(name, by)| format!("{name} {by:+.1} σ").replace('-', "−")).collect();
        Some(if moved.is_empty() { "A direction's strip".into() } else { format!("{from}, moved: {}", list(&moved)) })
    }

    fn expire(&mut self) {
        self.feed.expire();
    }
}

impl Directions {
    /// The directions known of a model.
    pub fn known(&self, model: &str) -> &[Direction] {
        if self.model.as_deref() == Some(model) { &self.all } else { &[] }
    }

    /// Asks for the directions of a model unless it has them.
    pub fn follow(&mut self, info: &ModelInfo, cx: &mut Cx<'_>) {
        if self.model.as_ref() != Some(&info.model) {
            *self = Self { sum: std::mem::take(&mut self.sum), ..Self::default() };
            self.model = Some(info.model.clone());
            cx.send(Command::Latent(LatentCommand::ListDirections { model: info.model.clone() }));
        }
    }

    /// A push has led somewhere: that is opened, with what led there.
    fn led(
        &mut self,
        base: &Latent,
        to: Latent,
        strengths: Strengths,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let d = &mut state.directions;
        d.base = Some((info.model.clone(), base.clone()));
        d.led = Some(state.here.classed(&to));
        d.strengths = strengths;
        self.wanted = None;
        out.open = Some(to);
        out.label = Some("push along a direction");
    }

    /// How directions are looked for, and how far that is.
    fn how(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, state: &mut ExploreState, out: &mut PageActions) {
        if job_progress::shown(ui, cx, self.job, 160.0, "Looking for directions", "Cancel the search") == Doing::Nothing
        {
            let find = &mut state.directions.find;
            let before = find.how;
            let combo = ComboBox::from_id_salt("how").selected_text(find.how.title()).width(130.0).show_ui(ui, |ui| {
                for how in [How::Principal, How::Sefa, How::Codes, How::Known, How::Words] {
                    if how != How::Codes || info.family == Family::Vae {
                        ui.selectable_value(&mut find.how, how, how.title()).on_hover_text(how.help());
                    }
                }
            });
            combo.response.accessible_name("How to find directions").on_hover_text(find.how.help());
            if find.how != before {
                out.label = Some("change how directions are found");
            }
            find.fields(ui, info, out);
            let ready = find.is_complete();
            let button = ui.add_enabled_ui(ready, |ui| theme::primary_button(ui, Some(ICON_SEARCH), "Find"));
            if button.inner.clicked() {
                let find = find.find(info);
                self.search(info, find, cx);
            }
        }
    }

    /// What a person likes, and directions in and out of files.
    fn taste(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &ExploreState,
        base: &Latent,
        strengths: &mut Strengths,
    ) {
        let here = &state.here.latent;
        for (liked, icon, label) in
            [(true, ICON_THUMB_UP, "I like this picture"), (false, ICON_THUMB_DOWN, "I dislike this picture")]
        {
            if theme::icon_button(ui, icon, label).clicked() {
                let (own, other) =
                    if liked { (&mut self.liked, &mut self.disliked) } else { (&mut self.disliked, &mut self.liked) };
                other.retain(|l| l != here);
                if !own.contains(here) {
                    own.push(here.clone());
                }
            }
        }
        let help = "Take what you rated, starred and chose of this model's kept pictures as liked and disliked";
        if theme::quiet_button(ui, None, "From ratings").on_hover_text(help).clicked() {
            cx.send(Command::Records(RecordsCommand::Taste { model: info.hash.clone() }));
        }
        let (n, m) = (self.liked.len(), self.disliked.len());
        if n + m > 0 {
            theme::weak(ui, format!("{n} liked, {m} disliked"));
            let enough = n + m >= crate::latent::directions::learn::FEWEST && n > 0 && m > 0;
            let (liked, disliked) = (self.liked.clone(), self.disliked.clone());
            if theme::enabled(ui, enough, |ui| theme::button(ui, None, "From my taste")).inner.clicked() {
                self.search(info, Find::Taste { name: self.fresh("My taste"), liked, disliked }, cx);
            } else if theme::enabled(ui, n > 0 && m > 0, |ui| theme::quiet_button(ui, None, "Difference"))
                .inner
                .clicked()
            {
                let name = self.fresh("Disliked to liked");
                self.search(info, Find::Difference { name, from: self.disliked.clone(), to: self.liked.clone() }, cx);
            }
        }
        theme::at_end(ui, |ui| {
            let kind = ("Directions", &["json"][..]);
            if theme::icon_button(ui, ICON_IOS_SHARE, "Export directions…").clicked() {
                let name = PickKind::Save(format!("{}-directions.json", info.name));
                cx.pick(ViewId::Explore, PURPOSE_EXPORT, name, "Export directions", &[kind]);
            }
            if theme::icon_button(ui, ICON_FILE_OPEN, "Import directions…").clicked() {
                cx.pick(ViewId::Explore, PURPOSE_IMPORT, PickKind::File, "Import directions", &[kind]);
            }
            let pushed = strengths.values().any(|s| *s != 0.0);
            if pushed && theme::icon_button(ui, ICON_RESTART_ALT, "Reset all directions").clicked() {
                strengths.clear();
                self.arrived = Some((base.clone(), base.clone(), Strengths::new()));
            }
        });
    }

    /// A name that no direction has.
    fn fresh(&self, word: &str) -> String {
        let taken = |name: &str| self.all.iter().any(|d| d.name == name);
        let numbered = (2..).map(|i| format!("{word} {i}"));
        std::iter::once(word.to_string()).chain(numbered).find(|n| !taken(n)).unwrap_or_default()
    }

    fn search(&mut self, info: &ModelInfo, find: Find, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        self.sought = Some(find.clone());
        cx.send(Command::Latent(LatentCommand::FindDirections { job, model: info.model.clone(), find }));
        self.job = Some(job);
    }

    fn measure(&mut self, info: &ModelInfo, names: Vec<String>, data: Option<String>, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        let model = info.model.clone();
        cx.send(Command::Latent(LatentCommand::MeasureDirections { job, model, names, data }));
        self.job = Some(job);
    }

    fn row(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, i: usize, strengths: &mut Strengths) {
        let d = self.all[i].clone();
        let model = info.model.clone();
        ui.horizontal(|ui| {
            ui.set_min_height(size::CONTROL);
            ui.scope(|ui| {
                ui.set_width(170.0);
                match &mut self.rename {
                    Some((old, new)) if *old == d.name => {
                        let field = theme::text_field(ui, new, "Name", 160.0, "New name");
                        if field.lost_focus() {
                            let (old, new) = (old.clone(), new.trim().to_string());
                            if !new.is_empty() && new != old {
                                let direction = Direction { name: new, ..d.clone() };
                                let replaces = Some(old);
                                let model = model.clone();
                                cx.send(Command::Latent(LatentCommand::KeepDirection { model, direction, replaces }));
                            }
                            self.rename = None;
                        }
                    }
                    _ => {
                        let label = ui.selectable_label(i == self.chosen, &d.name);
                        if label.clicked() {
                            self.chosen = i;
                        }
                        if i == self.chosen && std::mem::take(&mut self.found) {
                            label.scroll_to_me(Some(egui::Align::Center));
                        }
                        if label.double_clicked() {
                            self.rename = Some((d.name.clone(), d.name.clone()));
                        }
                        label.on_hover_text("Click for its strip, twice for another name");
                    }
                }
            });
            let mut strength = strengths.get(&d.name).copied().unwrap_or_default();
            ui.spacing_mut().slider_width = (ui.available_width() - 470.0).clamp(80.0, 320.0);
            theme::sliders_on_canvas(ui);
            let slider = Slider::new(&mut strength, -REACH..=REACH).fixed_decimals(2).trailing_fill(false);
            if ui.add(slider).accessible_name(format!("Strength of {}", d.name)).changed() {
                strengths.insert(d.name.clone(), strength);
            }
            let score = d.score.map_or(String::new(), |s| format!("  ·  {:.0} %", s * 100.0));
            let what = match d.method {
                Method::Principal | Method::Sefa => "Share of all variance",
                _ => "Cross-validated: how sure it is",
            };
            theme::weak(ui, format!("{}{score}", d.method.title())).on_hover_text(what);
            if let Some(e) = &d.entanglement {
                let most = e.attributes.iter().filter(|a| a.0 != d.name).take(3);
                let most: Vec<String> = most.map(|(name, by)| format!("{name} {by:+.2} σ")).collect();
                let help = format!("Share of the change that differs from picture to picture. {}", most.join(", "));
                theme::weak(ui, format!("{:.0} % entangled", e.rest * 100.0)).on_hover_text(help);
            }
            let names = vec![d.name.clone()];
            if theme::icon_button(ui, ICON_SPEED, &format!("Measure {}", d.name)).clicked() {
                self.measure(info, names.clone(), None, cx);
            }
            if theme::icon_button(ui, ICON_CALL_SPLIT, &format!("Take the others out of {}", d.name)).clicked() {
                let command =
                    LatentCommand::SeparateDirection { model: model.clone(), name: d.name.clone(), others: Vec::new() };
                cx.send(Command::Latent(command));
            }
            if theme::icon_button(ui, ICON_DELETE, &format!("Forget {}", d.name)).clicked() {
                cx.send(Command::Latent(LatentCommand::RemoveDirections { model: model.clone(), names }));
            }
        });
    }

    /// Stands where all sliders lead.
    fn go(
        &mut self,
        base: &Latent,
        strengths: Strengths,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
        cx: &mut Cx<'_>,
    ) {
        let moves: Vec<(&Direction, f32)> =
            self.all.iter().filter_map(|d| Some((d, *strengths.get(&d.name).filter(|s| **s != 0.0)?))).collect();
        let styles = moves.iter().any(|m| m.0.space == Space::W) && base.place().space == Space::Z;
        if !styles {
            if let Ok(latent) = Dims::of(info).moved(base, moves) {
                self.led(base, latent, strengths, info, state, out);
            }
            return;
        }
        self.wanted = Some(strengths.clone());
        // One at a time: while it is on its way the sliders go on, and the next begins where they are then.
        if self.push.as_ref().is_none_or(|p| cx.time - p.since > PATIENCE) {
            let moves = moves.into_iter().map(|(d, strength)| Move { direction: d.clone(), strength }).collect();
            let ticket = cx.ids.next();
            let (model, latents) = (info.model.clone(), vec![base.clone()]);
            cx.send(Command::Latent(LatentCommand::Move { ticket, model, latents, moves }));
            self.push = Some(Push { ticket, base: base.clone(), strengths, since: cx.time });
        }
    }
}
