//! Home: three entry cards (explore, train, continue), what was used lately below.

mod demo_walk;
mod entry_cards;
mod recent_images;

use egui::{Frame, Margin, RichText, Ui, vec2};
use egui_material_icons::icons::{ICON_DATASET, ICON_MODEL_TRAINING, ICON_SCHOOL};

use super::data::short_name;
use super::{Cx, View, ViewId};
use crate::engine::{Command, Event, RunSummary};
use crate::models::info::ModelInfo;
use crate::ui::action::{Action, ViewMessage};
use crate::ui::state::Studio;
use crate::ui::theme::{self, size};
use crate::ui::widgets::drop_target::{DropState, PURPOSE};
use crate::ui::{format, status};
use demo_walk::DemoWalk;
use recent_images::RecentImages;

/// Rows of each list below the cards.
const RECENT: usize = 5;
/// Below this width the cards stand under each other.
const NARROW: f32 = 760.0;
/// Wider than this the cards do not grow.
const WIDEST: f32 = 1440.0;

/// The view.
#[derive(Default)]
pub struct HomeView {
    demo: DemoWalk,
    drop: DropState,
    recent_images: RecentImages,
    /// The run whose curves and samples were asked for.
    asked: Option<std::path::PathBuf>,
}

impl HomeView {
    /// The model whose samples are shown: the selected one, else the first that is shipped, else the first.
    fn model(studio: &Studio) -> Option<&ModelInfo> {
        let shipped = || studio.models.iter().find(|m| m.shipped && m.has_latents());
        let first = || studio.models.iter().find(|m| m.has_latents());
        studio.selected_model().filter(|m| m.has_latents()).or_else(shipped).or_else(first)
    }

    /// The run to go on with: one that is alive, else the newest.
    fn run(studio: &Studio) -> Option<&RunSummary> {
        studio.alive_run().or_else(|| studio.runs.first())
    }

    /// Asks for curves and samples of the run on the third card.
    fn ask(&mut self, cx: &mut Cx<'_>) {
        let Some(dir) = Self::run(cx.studio).map(|r| r.dir.clone()) else { return };
        if self.asked.as_ref() != Some(&dir) {
            if cx.studio.live.get(&dir).is_none_or(|l| !l.loaded) {
                cx.send(Command::LoadRun { dir: dir.clone() });
            }
            self.asked = Some(dir);
        }
    }

    fn entry_cards(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let width = ui.available_width();
        if width < NARROW {
            self.explore_card(ui, cx);
            self.train_card(ui, cx);
            self.continue_card(ui, cx);
            return;
        }
        ui.spacing_mut().item_spacing.x = size::L;
        ui.columns(3, |columns| {
            ragged(&mut columns[0], |ui| self.explore_card(ui, cx));
            ragged(&mut columns[1], |ui| self.train_card(ui, cx));
            ragged(&mut columns[2], |ui| self.continue_card(ui, cx));
        });
    }

    fn recent(&self, ui: &mut Ui, cx: &mut Cx<'_>) {
        ui.spacing_mut().item_spacing.x = size::L;
        if ui.available_width() < NARROW {
            recent_runs(ui, cx);
            recent_data(ui, cx);
            self.recent_images.show(ui, cx);
        } else {
            ui.columns(3, |columns| {
                ragged(&mut columns[0], |ui| recent_runs(ui, cx));
                ragged(&mut columns[1], |ui| recent_data(ui, cx));
                ragged(&mut columns[2], |ui| self.recent_images.show(ui, cx));
            });
        }
    }
}

/// egui's columns stretch text and buttons to their width; here they keep their own.
fn ragged(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
        ui.spacing_mut().item_spacing.x = size::S;
        add(ui);
    });
}

fn recent_runs(ui: &mut Ui, cx: &mut Cx<'_>) {
    theme::section(ui, "Recent runs");
    if !cx.studio.runs_known {
        theme::skeleton(ui, vec2(ui.available_width(), size::CONTROL * 3.0));
        return;
    }
    if cx.studio.runs.is_empty() {
        theme::weak(ui, "Runs you start are listed here");
        return;
    }
    let t = theme::tokens(ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    for run in cx.studio.runs.iter().take(RECENT) {
        let (icon, colour) = status::state_icon(run, t);
        let detail = format!("{} · {}", format::kimg(run.progress.images), format::ago(run.created));
        let detail = if cx.still { format::kimg(run.progress.images) } else { detail };
        if list_row(ui, icon, colour, &run.name, &detail, &format!("Run {}", run.name)) {
            cx.actions.push(Action::Deliver(ViewId::Train, Box::new(ViewMessage::Run(run.dir.clone()))));
        }
    }
    if cx.studio.runs.len() > RECENT && theme::quiet_button(ui, Some(ICON_MODEL_TRAINING), "All runs").clicked() {
        cx.actions.push(Action::Go(ViewId::Models));
    }
}

fn recent_data(ui: &mut Ui, cx: &mut Cx<'_>) {
    theme::section(ui, "Data sets");
    let t = theme::tokens(ui);
    let used = cx
        .studio
        .datasets
        .iter()
        .take(RECENT)
        .map(|d| (d.source.clone(), format::plural(d.pictures, "picture", "pictures")));
    let mut rows: Vec<(String, String)> = used.collect();
    // What is built in stands there from the first day.
    for (source, what) in
        [("emoji:smileys", "Emoji faces, built in"), ("shapes", "Shapes with known factors, built in")]
    {
        if rows.len() < RECENT && rows.iter().all(|(s, _)| s != source) {
            rows.push((source.into(), what.into()));
        }
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    for (source, detail) in rows {
        let name = format::shortened(&short_name(&source), 48);
        if list_row(ui, ICON_DATASET, t.weak, &name, &detail, &format!("Data set {name}")) {
            cx.push(Action::train_on(source));
        }
    }
}

/// A line of a list: icon, name, and something of second rank on the right. True when clicked.
fn list_row(ui: &mut Ui, icon: theme::Icon, colour: egui::Color32, text: &str, detail: &str, name: &str) -> bool {
    let t = theme::tokens(ui);
    let mut job = egui::text::LayoutJob::default();
    let format = |size, family, colour| egui::TextFormat {
        valign: egui::Align::Center,
        ..egui::TextFormat::simple(egui::FontId::new(size, family), colour)
    };
    job.append(icon.codepoint, 0.0, format(size::ICON, icon.font_family(), colour));
    job.append(text, size::S, format(size::BODY, egui::FontFamily::Proportional, t.text));
    let button = egui::Button::new(job)
        .frame_when_inactive(false)
        .truncate()
        .min_size(vec2(ui.available_width(), size::CONTROL))
        .right_text(RichText::new(detail).size(size::SMALL).color(t.weak));
    let response = ui.add(button);
    theme::name(&response, egui::Role::Button, name);
    response.clicked()
}

impl View for HomeView {
    fn id(&self) -> ViewId {
        ViewId::Home
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.ask(cx);
        self.recent_images.ask(cx);
        theme::page(ui, "home", |ui| {
            ui.set_max_width(ui.available_width().min(WIDEST));
            ui.horizontal(|ui| {
                ui.label(RichText::new("What would you like to make?").size(size::HOME));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let learn = theme::button(ui, Some(ICON_SCHOOL), "Learn how it works");
                    let help = "New to GANs and VAEs? Train both side by side in about five minutes, and see what each \
                                number means";
                    if learn.on_hover_text(help).clicked() {
                        cx.go(ViewId::Learn);
                    }
                });
            });
            ui.add_space(size::S);
            self.entry_cards(ui, cx);
            ui.add_space(size::L);
            self.recent(ui, cx);
        });
    }

    fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.recent_images.on_event(event, cx);
        match event {
            Event::Models(_) if cx.active == ViewId::Home => {
                if let Some(model) = Self::model(cx.studio) {
                    let (model, dim) = (model.model.clone(), model.latent as usize);
                    // The first picture is asked for at once, not when Home is drawn next.
                    self.demo.advance(cx, &model, dim, false);
                }
            }
            Event::Generated { slot, ticket, pictures, seconds, .. } => {
                self.demo.arrived(*slot, *ticket, pictures, *seconds, cx.time);
            }
            Event::RunLoaded { dir, previews, .. } if self.asked.as_ref() == Some(dir) => {
                if let Some(&images) = previews.last() {
                    cx.send(Command::LoadPreview { dir: dir.clone(), images });
                }
            }
            Event::JobEnded { .. } | Event::Message(_) => self.demo.forget_request(cx.time),
            _ => {}
        }
    }

    fn receive(&mut self, parcel: &ViewMessage, cx: &mut Cx<'_>) {
        if let ViewMessage::Picked { purpose: PURPOSE, paths } = parcel {
            cx.push(Action::Open(paths.clone()));
        }
    }
}

/// An entry card: a card of equal height, a picture above, words and buttons below.
fn entry_card(ui: &mut Ui, title: &str, text: &str, picture: impl FnOnce(&mut Ui), buttons: impl FnOnce(&mut Ui)) {
    let t = theme::tokens(ui);
    theme::card(ui, |ui| {
        ui.set_min_width(ui.available_width());
        Frame::new().fill(t.canvas).corner_radius(size::RADIUS).inner_margin(Margin::same(size::S as i8)).show(
            ui,
            |ui| {
                let room = vec2(ui.available_width(), entry_cards::PICTURE_HEIGHT);
                ui.allocate_ui_with_layout(room, egui::Layout::top_down(egui::Align::Min), |ui| {
                    ui.set_min_size(room);
                    picture(ui);
                });
            },
        );
        ui.add_space(size::XS);
        theme::section(ui, title);
        ui.allocate_ui(vec2(ui.available_width(), 34.0), |ui| {
            ui.set_min_height(34.0);
            ui.add(egui::Label::new(RichText::new(text).color(t.weak)).wrap());
        });
        ui.add_space(size::XS);
        ui.horizontal(|ui| {
            ui.set_min_height(size::CONTROL);
            buttons(ui);
        });
    });
}
