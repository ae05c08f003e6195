//! Directions: found, pushed along by sliders, seen as strips, measured, taken apart, kept with the model.

mod detail;
pub mod find;
mod styles;
pub mod sum;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use egui::{ComboBox, Slider, Ui};
use egui_material_icons::icons::{
    ICON_CALL_SPLIT, ICON_DELETE, ICON_FILE_OPEN, ICON_IOS_SHARE, ICON_RESTART_ALT, ICON_SEARCH, ICON_SPEED,
    ICON_THUMB_DOWN, ICON_THUMB_UP,
};
use serde::{Deserialize, Serialize};

use super::bar::close_up;
use super::desk::Desk;
use super::feed::Feed;
use super::work::{self, Doing};
use super::{Cx, Out, ViewId, own};
use crate::base::Family;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::directions::search::Find;
use crate::latent::directions::{Direction, Method, Move};
use crate::latent::latent_math::Dims;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, Space};
use crate::ui::action::PickKind;
use crate::ui::theme::{self, size};
use find::{FindDesk, How};
use styles::Styles;
use sum::Sum;

/// Purposes of the file dialogs.
pub const PURPOSE_IMPORT: &str = "import directions";
pub const PURPOSE_EXPORT: &str = "export directions";
/// Pictures across a strip.
pub const STRIP: usize = 7;
/// Standard deviations at its ends.
const REACH: f32 = 3.0;

type Strengths = BTreeMap<String, f32>;

/// Pushing, as it is laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectionsDesk {
    /// Where pushing began, in which model.
    pub base: Option<(ModelRef, Latent)>,
    /// Where it led.
    pub led: Option<Latent>,
    /// How far along each direction, in standard deviations.
    pub strengths: Strengths,
    /// Pictures that the strip moves: where one stands, then those of the sheet.
    pub rows: u32,
    /// How directions are found.
    pub find: FindDesk,
}

impl Default for DirectionsDesk {
    fn default() -> Self {
        Self { base: None, led: None, strengths: Strengths::new(), rows: 1, find: FindDesk::default() }
    }
}

impl DirectionsDesk {
    /// Where pushing began, if one still stands where it led.
    fn pushed(&self, model: &str, here: &Latent) -> Option<&Latent> {
        let (of, base) = self.base.as_ref()?;
        (of == model && self.led.as_ref() == Some(here)).then_some(base)
    }
}

/// A push that the engine makes.
struct Push {
    ticket: u64,
    base: Latent,
    strengths: Strengths,
    since: f64,
}

/// Room that the bar needs at least; with less it is two.
const PLAIN: f32 = 560.0;
/// Room that names to look for take besides.
const NAMES: f32 = 280.0;
/// Room that what a person likes takes besides.
const TASTE: f32 = 260.0;
/// Seconds after which a push is held to have failed.
const PATIENCE: f64 = 5.0;

/// The tab's own state.
#[derive(Default)]
pub struct Directions {
    pub feed: Feed,
    pub sum: Sum,
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

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        self.follow(info, cx);
        let here = desk.here.latent.clone();
        let mut base = desk.directions.pushed(&info.model, &here).cloned();
        if let Some((from, latent, strengths)) = self.arrived.take() {
            // Sliders may have gone on in the meantime.
            let again = self.wanted.take().filter(|w| *w != strengths);
            self.led(&from, latent, strengths, info, desk, out);
            self.wanted = again;
            base = Some(from);
        }
        let mut strengths = match (&self.wanted, &base) {
            (Some(wanted), _) => wanted.clone(),
            (None, Some(_)) => desk.directions.strengths.clone(),
            (None, None) => Strengths::new(),
        };
        let base = base.unwrap_or(here);
        let names = if desk.directions.find.how == How::Known { NAMES } else { 0.0 };
        let taste = if self.liked.is_empty() && self.disliked.is_empty() { 0.0 } else { TASTE };
        let wide = ui.available_width() > PLAIN + names + taste;
        theme::toolbar(ui, |ui| {
            self.how(ui, cx, info, desk, out);
            if wide {
                self.taste(ui, cx, info, desk, &base, &mut strengths);
            }
        });
        if !wide {
            close_up(ui);
            theme::toolbar(ui, |ui| self.taste(ui, cx, info, desk, &base, &mut strengths));
        }
        let before = strengths.clone();
        theme::page(ui, "directions", |ui| {
            own::offer(ui, cx, self.job);
            if self.all.is_empty() {
                theme::weak(ui, "No directions yet. Find some, or mark four pictures that you like or dislike.");
            } else {
                self.chosen = self.chosen.min(self.all.len() - 1);
                self.strip(ui, cx, info, desk, &base, out);
                self.detail(ui, cx, info, desk, out);
                ui.add_space(size::S);
                for i in 0..self.all.len() {
                    self.row(ui, cx, info, i, &mut strengths);
                }
            }
            self.sum.show(ui, cx, info, desk, out);
        });
        if strengths != before || self.wanted.is_some() && self.push.is_none() {
            self.go(&base, strengths, info, desk, out, cx);
        }
    }

    /// A push has led somewhere: one stands there, and knows how one came.
    fn led(
        &mut self,
        base: &Latent,
        to: Latent,
        strengths: Strengths,
        info: &ModelInfo,
        desk: &mut Desk,
        out: &mut Out,
    ) {
        let d = &mut desk.directions;
        d.base = Some((info.model.clone(), base.clone()));
        d.led = Some(desk.here.classed(&to));
        d.strengths = strengths;
        self.wanted = None;
        out.stand = Some(to);
        out.label = Some("push along a direction");
    }

    /// How directions are looked for, and how far that is.
    fn how(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        if work::shown(ui, cx, self.job, 160.0, "Looking for directions", "Cancel the search") == Doing::Nothing {
            let find = &mut desk.directions.find;
            let before = find.how;
            let combo = ComboBox::from_id_salt("how").selected_text(find.how.title()).width(130.0).show_ui(ui, |ui| {
                for how in [How::Principal, How::Sefa, How::Codes, How::Known] {
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
            if theme::primary_button(ui, Some(ICON_SEARCH), "Find").clicked() {
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
        desk: &Desk,
        base: &Latent,
        strengths: &mut Strengths,
    ) {
        let here = &desk.here.latent;
        for (liked, icon, label) in
            [(true, ICON_THUMB_UP, "I like where I stand"), (false, ICON_THUMB_DOWN, "I dislike where I stand")]
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
        let (n, m) = (self.liked.len(), self.disliked.len());
        if n + m > 0 {
            theme::weak(ui, format!("{n} liked, {m} disliked"));
            let enough = n + m >= crate::latent::directions::learn::FEWEST && n > 0 && m > 0;
            let (liked, disliked) = (self.liked.clone(), self.disliked.clone());
            if ui.add_enabled_ui(enough, |ui| theme::button(ui, None, "From my taste")).inner.clicked() {
                self.search(info, Find::Taste { name: self.fresh("My taste"), liked, disliked }, cx);
            } else if ui
                .add_enabled_ui(n > 0 && m > 0, |ui| theme::quiet_button(ui, None, "Difference"))
                .inner
                .clicked()
            {
                let name = self.fresh("Disliked to liked");
                self.search(info, Find::Difference { name, from: self.disliked.clone(), to: self.liked.clone() }, cx);
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let kind = ("Directions", &["json"][..]);
            if theme::icon_button(ui, ICON_IOS_SHARE, "Export directions…").clicked() {
                let name = PickKind::Save(format!("{}-directions.json", info.name));
                cx.pick(ViewId::Explore, PURPOSE_EXPORT, name, "Export directions", &[kind]);
            }
            if theme::icon_button(ui, ICON_FILE_OPEN, "Import directions…").clicked() {
                cx.pick(ViewId::Explore, PURPOSE_IMPORT, PickKind::File, "Import directions", &[kind]);
            }
            let pushed = strengths.values().any(|s| *s != 0.0);
            if pushed && theme::icon_button(ui, ICON_RESTART_ALT, "Back to where pushing began").clicked() {
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
            // On the canvas a rail needs a colour of its own to be seen.
            ui.visuals_mut().widgets.inactive.bg_fill = theme::tokens(ui).raised;
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
        desk: &mut Desk,
        out: &mut Out,
        cx: &mut Cx<'_>,
    ) {
        let moves: Vec<(&Direction, f32)> =
            self.all.iter().filter_map(|d| Some((d, *strengths.get(&d.name).filter(|s| **s != 0.0)?))).collect();
        let styles = moves.iter().any(|m| m.0.space == Space::W) && base.place().space == Space::Z;
        if !styles {
            if let Ok(latent) = Dims::of(info).moved(base, moves) {
                self.led(base, latent, strengths, info, desk, out);
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

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        self.sum.feed.on_event(event, cx);
        self.sum.styles.on_event(event);
        self.styles.on_event(event);
        match event {
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
                if self.model.as_ref() == Some(model) && own::is_wanted(self.job, cx) =>
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

    /// Takes the answer of a file dialog. True if it was for this.
    pub fn picked(&mut self, purpose: &str, paths: &[PathBuf], cx: &mut Cx<'_>) -> bool {
        if purpose != PURPOSE_IMPORT && purpose != PURPOSE_EXPORT {
            return false;
        }
        if let (Some(path), Some(model)) = (paths.first().cloned(), self.model.clone()) {
            let command = if purpose == PURPOSE_IMPORT {
                LatentCommand::ImportDirections { model, path }
            } else {
                LatentCommand::ExportDirections { job: cx.new_job(), model, names: Vec::new(), out: path }
            };
            cx.send(Command::Latent(command));
        }
        true
    }
}
