//! The three entry cards.

use egui::{Rect, Sense, Stroke, Ui, pos2, vec2};
use egui_material_icons::icons::{ICON_EXPLORE, ICON_MODEL_TRAINING, ICON_PLAY_ARROW};

use super::{HomeView, entry_card};
use crate::base::series::{Axis, Series};
use crate::engine::{RunState, RunSummary};
use crate::recipe::preset;
use crate::ui::action::{Action, ViewMessage};
use crate::ui::state::RunLive;
use crate::ui::theme::{self, size};
use crate::ui::views::train::estimate;
use crate::ui::views::{Cx, ViewId};
use crate::ui::widgets::drop_target::{choose_buttons, files_hover, path_field};
use crate::ui::{status, textures};

/// Height of the picture on an entry card.
pub(super) const PICTURE_HEIGHT: f32 = 216.0;
/// Samples shown on the third card, side by side.
const SAMPLES: usize = 10;
/// Which curve is drawn small, the first that a run has.
const CURVES: [&str; 6] = ["loss", "elbo", "reconstruction", "loss/generator", "generator", "loss/g"];

impl HomeView {
    pub(super) fn explore_card(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let model = Self::model(cx.studio).map(|m| (m.model.clone(), m.name.clone(), m.latent as usize));
        let known = cx.studio.models_known;
        let text = match &model {
            Some((_, name, _)) => format!("{name} makes these as you watch. Explore what it learned."),
            None if known => "Train or import a model, and its samples will move here.".into(),
            None => "Looking for models…".into(),
        };
        let (studio, demo) = (cx.studio, &mut self.demo);
        let alive = studio.runs.iter().any(|r| r.state == RunState::Training);
        let moving = !cx.still && !studio.settings.reduce_motion && ui.input(|i| i.focused || cfg!(test));
        if let Some((model, _, dim)) = &model {
            if moving {
                demo.advance(cx, model, *dim, alive);
                ui.ctx().request_repaint_after_secs(0.1);
            } else {
                demo.stand(cx, model, *dim);
            }
        }
        let mut others: Vec<(String, String)> = Vec::new();
        if let Some((model, ..)) = &model {
            others.extend(
                studio
                    .models
                    .iter()
                    .filter(|m| m.shipped && m.model != *model)
                    .map(|m| (m.model.clone(), m.name.clone())),
            );
        }
        let (mut actions, mut stand) = (Vec::new(), None);
        let picture = |ui: &mut Ui| stand = demo.show(ui, cx, model.as_ref().map(|m| m.0.as_str()));
        entry_card(ui, "Explore a model", &text, picture, |ui| {
            ui.add_enabled_ui(model.is_some(), |ui| {
                if theme::primary_button(ui, Some(ICON_EXPLORE), "Explore").clicked()
                    && let Some((model, ..)) = &model
                {
                    actions.push(Action::explore(model.clone()));
                }
            });
            if !others.is_empty() {
                let menu = ui.menu_button("Another model", |ui| {
                    for (model, name) in &others {
                        if ui.button(name).clicked() {
                            actions.push(Action::SelectModel(Some(model.clone())));
                            ui.close();
                        }
                    }
                });
                theme::name(&menu.response, egui::Role::Button, "Another model");
            }
        });
        cx.actions.extend(stand);
        cx.actions.append(&mut actions);
    }

    pub(super) fn train_card(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let mut pasted = None;
        let drop = &mut self.drop;
        let text = "Check what is in them, then start with the preset that suits them.";
        let lit = files_hover(ui);
        let t = theme::tokens(ui);
        let picture = |ui: &mut Ui| {
            let rect = ui.max_rect();
            let line = Stroke::new(1.0, if lit { t.accent } else { t.line });
            ui.painter().add(egui::Shape::dashed_line(&dashed(rect), line, 6.0, 4.0));
            ui.add_space(28.0);
            ui.vertical_centered(|ui| {
                let icon = egui_material_icons::icons::ICON_UPLOAD_FILE;
                ui.label(icon.rich_text().size(size::ICON_LARGE * 1.5).color(if lit { t.accent } else { t.weak }));
                ui.label(if lit { "Drop to open" } else { "Drop a folder, a zip, a tar or pictures" });
            });
            ui.add_space(size::S);
            choose_buttons(ui, cx, ViewId::Home);
            ui.add_space(size::XS);
            ui.horizontal(|ui| {
                ui.add_space(size::M);
                ui.vertical(|ui| {
                    ui.set_max_width(ui.available_width() - size::M);
                    pasted = path_field(ui, drop);
                });
            });
        };
        let mut actions = Vec::new();
        entry_card(ui, "Train on your pictures", text, picture, |ui| {
            let emoji = theme::button(ui, None, "Try it with emoji faces");
            if emoji.on_hover_text("A small built-in set that trains in minutes").clicked() {
                actions.push(Action::train_on("emoji:smileys".into()));
            }
        });
        cx.actions.append(&mut actions);
        if let Some(paths) = pasted {
            cx.push(Action::Open(paths));
        }
    }

    pub(super) fn continue_card(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(run) = Self::run(cx.studio).cloned() else { return first_run_card(ui, cx) };
        let live = cx.studio.live.get(&run.dir);
        cx.pictures_of(&run.dir.display().to_string());
        let textures = &mut *cx.textures;
        let picture = |ui: &mut Ui| {
            samples(ui, textures, &run, live);
            ui.add_space(size::S);
            mini_curve(ui, live, cx.studio.run_colour(&run.dir));
        };
        let mut actions = Vec::new();
        let alive = run.state.is_alive();
        let title = if alive { format!("Watch {}", run.name) } else { format!("Continue {}", run.name) };
        entry_card(ui, &title, &status::sentence(&run), picture, |ui| {
            let text = if alive { "Show the run" } else { "Open the run" };
            if theme::button(ui, Some(ICON_PLAY_ARROW), text).clicked() {
                actions.push(Action::Deliver(ViewId::Train, Box::new(ViewMessage::Run(run.dir.clone()))));
            }
            if !run.checkpoints.is_empty() && theme::quiet_button(ui, Some(ICON_EXPLORE), "Explore it").clicked() {
                actions.push(Action::explore(run.dir.display().to_string()));
            }
        });
        cx.actions.append(&mut actions);
    }
}

/// The third card before there is any run: one that is set up in full and only needs to be started.
fn first_run_card(ui: &mut Ui, cx: &mut Cx<'_>) {
    let Some(first) = preset::PRESETS.first() else { return };
    let t = theme::tokens(ui);
    let mut recipe = first.recipe(preset::Facts { pictures: 150, resolution: 32.into() });
    let time = estimate::expected(&recipe, cx.studio.device(), &cx.studio.runs).map(|e| e.seconds);
    let picture = |ui: &mut Ui| {
        ui.add_space(56.0);
        ui.vertical_centered(|ui| {
            ui.label(ICON_MODEL_TRAINING.rich_text().size(size::ICON_LARGE * 2.0).color(t.weak));
            ui.label(first.title);
            theme::weak(ui, first.quality);
            if time.is_some() {
                theme::weak(ui, estimate::about(time));
            }
        });
    };
    let mut actions = Vec::new();
    entry_card(ui, "Your first model", "Everything is set up; just start it.", picture, |ui| {
        if theme::button(ui, Some(ICON_PLAY_ARROW), "Set up a first run").clicked() {
            recipe.data.source = "emoji:smileys".into();
            recipe.name = "emoji faces".into();
            actions.push(Action::set_up(recipe, None));
        }
    });
    cx.actions.append(&mut actions);
}

fn dashed(rect: Rect) -> [egui::Pos2; 5] {
    let r = rect.shrink(1.0);
    [r.left_top(), r.right_top(), r.right_bottom(), r.left_bottom(), r.left_top()]
}

/// The first samples of the newest grid, in two rows.
fn samples(ui: &mut Ui, textures: &mut textures::Textures, run: &RunSummary, live: Option<&RunLive>) {
    let columns = SAMPLES / 2;
    let gap = size::XS;
    let side = ((ui.available_width() - gap * (columns as f32 - 1.0)) / columns as f32).min(68.0);
    let wide = side * columns as f32 + gap * (columns as f32 - 1.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), side * 2.0 + gap), Sense::hover());
    theme::name(&response, egui::Role::Image, &format!("Samples of {}", run.name));
    let t = theme::tokens(ui);
    let preview = live.and_then(|l| l.preview.as_ref());
    let left = rect.center().x - wide / 2.0;
    for i in 0..SAMPLES {
        let (row, column) = ((i / columns) as f32, (i % columns) as f32);
        let corner = pos2(left + column * (side + gap), rect.top() + row * (side + gap));
        let cell = Rect::from_min_size(corner, vec2(side, side));
        match preview.and_then(|p| p.samples.get(i).map(|s| (p.images, s))) {
            Some((images, picture)) => {
                let key = textures::key(("home sample", &run.dir, i));
                let tex = textures.get(ui.ctx(), key, images, picture);
                textures::paint(ui.painter(), cell, &tex, t);
            }
            None => {
                ui.painter().rect_filled(cell, size::RADIUS, t.raised);
            }
        }
    }
}

/// One curve without axes: only whether it goes on and how.
fn mini_curve(ui: &mut Ui, live: Option<&RunLive>, colour: usize) {
    let t = theme::tokens(ui);
    let height = ui.available_height().max(24.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let Some((name, series)) = live.and_then(main_curve) else { return };
    theme::name(&response, egui::Role::Image, &format!("Curve of {name}"));
    let values = series.smoothed(0.8);
    let points = series.reduced(Axis::Kimg, &values, 120);
    let bounds = |i: usize| {
        let low = points.iter().map(|p| p[i]).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|p| p[i]).fold(f64::NEG_INFINITY, f64::max);
        (low, (high - low).max(1e-9))
    };
    let ((x0, w), (y0, h)) = (bounds(0), bounds(1));
    let line: Vec<egui::Pos2> = points
        .iter()
        .map(|p| {
            let (x, y) = (((p[0] - x0) / w) as f32, ((p[1] - y0) / h) as f32);
            pos2(rect.left() + x * rect.width(), rect.bottom() - 2.0 - y * (rect.height() - 4.0))
        })
        .collect();
    ui.painter().line(line, Stroke::new(1.5, t.series(colour)));
    response.on_hover_text(name);
}

fn main_curve(live: &RunLive) -> Option<(&str, &Series)> {
    let enough = |s: &&Series| s.len() > 1;
    let named = CURVES.iter().find_map(|n| live.curves.get_key_value(*n));
    let any = || live.curves.iter().find(|(name, s)| name.contains("loss") && enough(s));
    let first = || live.curves.iter().find(|(_, s)| enough(s));
    named.filter(|(_, s)| enough(s)).or_else(any).or_else(first).map(|(n, s)| (n.as_str(), s))
}
