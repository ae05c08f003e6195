//! Directions: found, pushed along by sliders, seen as strips, measured, taken apart, kept with the model.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use egui::{ComboBox, Rect, Sense, Slider, Ui, Vec2, vec2};
use egui_material_icons::icons::{
    ICON_CALL_SPLIT, ICON_CLOSE, ICON_DELETE, ICON_FILE_OPEN, ICON_IOS_SHARE, ICON_RESTART_ALT, ICON_SEARCH,
    ICON_SPEED, ICON_THUMB_DOWN, ICON_THUMB_UP,
};

use super::desk::Desk;
use super::feed::{Feed, Wish};
use super::{Cx, Out, ViewId};
use crate::base::Family;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::blend::Dims;
use crate::latent::directions::search::Find;
use crate::latent::directions::{Direction, Method, Move};
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, Space};
use crate::ui::action::{Action, PickKind};
use crate::ui::theme::{self, size};
use crate::ui::widgets::latent_slot::{Tile, drag_latent, tile};

/// Purposes of the file dialogs.
pub const PURPOSE_IMPORT: &str = "import directions";
pub const PURPOSE_EXPORT: &str = "export directions";
/// Pictures of a strip.
const STRIP: usize = 7;
/// Standard deviations at its ends.
const REACH: f32 = 3.0;
/// Latents or pictures that a search looks at, and directions it gives.
const SAMPLES: u32 = 2000;
const COUNT: u32 = 6;

/// How directions are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum How {
    #[default]
    Principal,
    Sefa,
    Codes,
    Known,
}

impl How {
    fn title(self) -> &'static str {
        match self {
            Self::Principal => "Principal axes",
            Self::Sefa => "SeFa",
            Self::Codes => "Axes of codes",
            Self::Known => "Labels and factors",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Principal => "Where features or styles of the model's pictures vary most",
            Self::Sefa => "What the first weights turn into the largest changes",
            Self::Codes => "Where codes of the training pictures vary most",
            Self::Known => "What is known of the training pictures: labels, factors, words of captions",
        }
    }

    fn find(self) -> Find {
        match self {
            Self::Principal => Find::Principal { tap: None, count: COUNT, samples: SAMPLES },
            Self::Sefa => Find::Sefa { layers: None, count: COUNT },
            Self::Codes => Find::Codes { data: String::new(), count: COUNT, limit: SAMPLES },
            Self::Known => {
                Find::Data { data: String::new(), only: Vec::new(), apart: true, limit: SAMPLES, codes: false }
            }
        }
    }
}

/// The tab's own state.
#[derive(Default)]
pub struct Directions {
    pub feed: Feed,
    /// The model whose directions these are.
    model: Option<ModelRef>,
    all: Arc<Vec<Direction>>,
    chosen: usize,
    /// Where pushing began, and where it led.
    base: Option<Latent>,
    led: Option<Latent>,
    /// Where pushing began, in styles; asked for where a direction moves some.
    styled: Option<Latent>,
    style_ticket: Option<u64>,
    strengths: BTreeMap<String, f32>,
    /// A push that the engine makes, with the strengths it is for.
    push: Option<u64>,
    arrived: Option<Latent>,
    how: How,
    job: Option<JobId>,
    liked: Vec<Latent>,
    disliked: Vec<Latent>,
    rename: Option<(String, String)>,
}

/// Standard deviations as they are told.
fn steps_text(steps: f32) -> String {
    if steps == 0.0 { "0 σ".into() } else { format!("{steps:+.0} σ").replace('-', "−") }
}

impl Directions {
    /// The directions known of a model.
    pub fn known(&self, model: &str) -> &[Direction] {
        if self.model.as_deref() == Some(model) { &self.all } else { &[] }
    }

    /// Asks for the directions of a model unless it has them.
    pub fn follow(&mut self, info: &ModelInfo, cx: &mut Cx<'_>) {
        if self.model.as_ref() != Some(&info.model) {
            *self = Self { how: self.how, ..Self::default() };
            self.model = Some(info.model.clone());
            cx.send(Command::Latent(LatentCommand::ListDirections { model: info.model.clone() }));
        }
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        self.follow(info, cx);
        if let Some(latent) = self.arrived.take() {
            self.led = Some(desk.here.classed(&latent));
            out.stand = Some(latent);
            out.label = Some("push along a direction");
        }
        let pushed = out.stand.is_some() || self.led.as_ref() == Some(&desk.here.latent);
        if !pushed {
            // One stands elsewhere now: pushing begins anew from there.
            self.base = Some(desk.here.latent.clone());
            self.led.clone_from(&self.base);
            self.styled = None;
            self.strengths.clear();
        }
        theme::toolbar(ui, |ui| self.bar(ui, cx, info, desk));
        theme::page(ui, "directions", |ui| {
            if self.all.is_empty() {
                theme::weak(ui, "No directions yet. Find some, or mark four pictures that you like or dislike.");
                return;
            }
            self.chosen = self.chosen.min(self.all.len() - 1);
            self.strip(ui, cx, info, desk, out);
            ui.add_space(size::S);
            let before = self.strengths.clone();
            for i in 0..self.all.len() {
                self.row(ui, cx, info, i);
            }
            if self.strengths != before {
                self.go(info, desk, out, cx);
            }
        });
    }

    fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &Desk) {
        let running = self.job.is_some_and(|j| cx.studio.jobs.get(&j).is_none_or(|j| !j.ended));
        if running {
            let share = self.job.and_then(|j| cx.studio.jobs.get(&j)).and_then(|j| j.share());
            theme::progress(ui, share, 160.0, "Looking for directions");
            if theme::button(ui, Some(ICON_CLOSE), "Cancel the search").clicked()
                && let Some(job) = self.job
            {
                cx.push(Action::Cancel(job));
            }
        } else {
            let combo = ComboBox::from_id_salt("how").selected_text(self.how.title()).width(130.0).show_ui(ui, |ui| {
                for how in [How::Principal, How::Sefa, How::Codes, How::Known] {
                    if how != How::Codes || info.family == Family::Vae {
                        ui.selectable_value(&mut self.how, how, how.title()).on_hover_text(how.help());
                    }
                }
            });
            combo.response.accessible_name("How to find directions").on_hover_text(self.how.help());
            if theme::primary_button(ui, Some(ICON_SEARCH), "Find").clicked() {
                self.search(info, self.how.find(), cx);
            }
        }
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
            let pushed = self.strengths.values().any(|s| *s != 0.0);
            if pushed && theme::icon_button(ui, ICON_RESTART_ALT, "Back to where pushing began").clicked() {
                self.strengths.clear();
                self.arrived.clone_from(&self.base);
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
        cx.send(Command::Latent(LatentCommand::FindDirections { job, model: info.model.clone(), find }));
        self.job = Some(job);
    }

    /// From −3 to 3 standard deviations along the chosen direction.
    fn strip(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &Desk, out: &mut Out) {
        let direction = self.all[self.chosen].clone();
        let Some(start) = self.base.clone() else { return };
        let base = if direction.space == Space::W && start.place().space == Space::Z {
            if self.styled.is_none() && self.style_ticket.is_none() {
                let ticket = cx.ids.next();
                let (model, latents) = (info.model.clone(), vec![start]);
                cx.send(Command::Latent(LatentCommand::ToStyles { ticket, model, latents, each_layer: false }));
                self.style_ticket = Some(ticket);
            }
            self.styled.clone()
        } else {
            Some(start)
        };
        let dims = Dims::of(info);
        let at = |i: usize| REACH * (2.0 * i as f32 / (STRIP - 1) as f32 - 1.0);
        let latents: Option<Vec<Latent>> =
            base.and_then(|b| (0..STRIP).map(|i| dims.moved(&b, [(&direction, at(i))]).ok()).collect());
        let gap = 4.0;
        let side = ((ui.available_width() + gap) / STRIP as f32 - gap).clamp(24.0, 132.0).floor();
        let (room, _) = ui.allocate_exact_size(vec2(ui.available_width(), side + 18.0), Sense::hover());
        let Some(latents) = latents else { return };
        let truncation = desk.here.truncation;
        let latents = desk.here.all_classed(&latents);
        self.feed.want(Wish { model: info.model.clone(), latents: latents.clone(), truncation }, cx);
        let ctx = ui.ctx().clone();
        let t = theme::tokens(ui);
        for (i, latent) in latents.iter().enumerate() {
            let rect = Rect::from_min_size(room.min + vec2(i as f32 * (side + gap), 0.0), Vec2::splat(side));
            let tex = self.feed.tex(i, cx.textures, &ctx);
            let name = format!("{} at {}", direction.name, steps_text(at(i)));
            let look = Tile { tex: tex.as_ref(), name: &name, selected: false, focusable: true };
            let response = tile(ui, ui.make_persistent_id(("strip", i)), rect, &look);
            drag_latent(&response, &info.model, latent, truncation, self.feed.picture(i));
            if response.clicked() {
                self.strengths = BTreeMap::from([(direction.name.clone(), at(i))]);
                self.led = Some(latent.clone());
                out.stand = Some(latent.clone());
                out.label = Some("push along a direction");
            }
            let text = steps_text(at(i));
            let font = egui::FontId::proportional(size::SMALL);
            ui.painter().text(rect.center_bottom() + vec2(0.0, 2.0), egui::Align2::CENTER_TOP, text, font, t.weak);
        }
    }

    fn row(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, i: usize) {
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
                        if label.double_clicked() {
                            self.rename = Some((d.name.clone(), d.name.clone()));
                        }
                        label.on_hover_text("Click for its strip, twice for another name");
                    }
                }
            });
            let strength = self.strengths.entry(d.name.clone()).or_default();
            ui.spacing_mut().slider_width = (ui.available_width() - 470.0).clamp(80.0, 320.0);
            // On the canvas a rail needs a colour of its own to be seen.
            ui.visuals_mut().widgets.inactive.bg_fill = theme::tokens(ui).raised;
            let slider = Slider::new(strength, -REACH..=REACH).fixed_decimals(2).trailing_fill(false);
            ui.add(slider).accessible_name(format!("Strength of {}", d.name));
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
                let job = cx.new_job();
                let model = model.clone();
                let command = LatentCommand::MeasureDirections { job, model, names: names.clone(), data: None };
                cx.send(Command::Latent(command));
                self.job = Some(job);
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
    fn go(&mut self, info: &ModelInfo, desk: &Desk, out: &mut Out, cx: &mut Cx<'_>) {
        let Some(base) = self.base.clone() else { return };
        let moves: Vec<(&Direction, f32)> =
            self.all.iter().filter_map(|d| Some((d, *self.strengths.get(&d.name).filter(|s| **s != 0.0)?))).collect();
        let styles = moves.iter().any(|m| m.0.space == Space::W) && base.place().space == Space::Z;
        if !styles {
            if let Ok(latent) = Dims::of(info).moved(&base, moves) {
                self.led = Some(desk.here.classed(&latent));
                out.stand = Some(latent);
                out.label = Some("push along a direction");
            }
            return;
        }
        let moves = moves.into_iter().map(|(d, strength)| Move { direction: d.clone(), strength }).collect();
        let ticket = cx.ids.next();
        self.push = Some(ticket);
        let (model, latents) = (info.model.clone(), vec![base]);
        cx.send(Command::Latent(LatentCommand::Move { ticket, model, latents, moves }));
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        match event {
            Event::Latent(LatentEvent::Directions { model, directions }) if self.model.as_ref() == Some(model) => {
                self.all = directions.clone();
                self.strengths.retain(|name, _| directions.iter().any(|d| d.name == *name));
            }
            Event::Latent(LatentEvent::DirectionsFound { job, names, .. }) if Some(*job) == self.job => {
                if let Some(place) = self.all.iter().position(|d| names.first() == Some(&d.name)) {
                    self.chosen = place;
                }
            }
            Event::Latent(LatentEvent::Latents { ticket, latents, .. }) => {
                if self.style_ticket == Some(*ticket) {
                    self.style_ticket = None;
                    self.styled = latents.first().cloned();
                } else if self.push == Some(*ticket) {
                    self.push = None;
                    self.arrived = latents.first().cloned();
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
