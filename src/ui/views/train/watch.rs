//! Watching a run: curves on the left, samples on the right, what can be done with it above.

use egui::{Align, ComboBox, DragValue, Frame, Layout, Margin, RichText, Ui, UiBuilder, vec2};
use egui_material_icons::icons::{
    ICON_ADD, ICON_EXPLORE, ICON_PAUSE, ICON_PLAY_ARROW, ICON_SAVE, ICON_SKIP_NEXT, ICON_STOP,
};

use super::super::data::bar;
use super::{Panel, TrainView, locate, now, tree};
use crate::engine::{Command, Control, PictureAnswer, RunState, RunSummary};
use crate::ui::action::Action;
use crate::ui::command::UiCommand;
use crate::ui::state::RunLive;
use crate::ui::theme::{self, Icon, Tone, size};
use crate::ui::views::{Cx, ViewId};
use crate::ui::{format, status};

/// Narrower than this the buttons stand below what ended a run.
const BESIDE: f32 = 480.0;
/// Narrower than this either curves or samples are shown.
const NARROW: f32 = 680.0;

/// "waits until nouns ends (6 min left)".
pub(super) fn waits_for(busy: &RunSummary) -> String {
    let left = busy.progress.eta_s.map_or_else(String::new, |_| format!(" ({})", status::time_left(busy)));
    format!("waits until {} ends{left}", format::shortened(&busy.name, 16))
}

impl TrainView {
    /// The page.
    pub(super) fn watch(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        self.load(&run.dir, cx);
        bar(ui, "train tools", |ui| {
            let room = ui.available_width();
            let (wide, words) = (room > 860.0, room > 700.0);
            self.run_choice(ui, run, if words { 160.0 } else { 108.0 }, cx);
            let (word, tone) = status::state_word(run);
            theme::badge(ui, tone, word);
            theme::at_end(ui, |ui| {
                ui.spacing_mut().item_spacing.x = size::XS;
                if labelled(ui, words, ICON_ADD, "New run").on_hover_text("Set up another run").clicked() {
                    self.setting_up = true;
                    self.look(cx);
                }
                explore(ui, run, words, cx);
                ui.add_space(size::S);
                controls(ui, run, wide, cx);
            });
        });
        Frame::NONE.inner_margin(Margin::same(size::M as i8)).show(ui, |ui| {
            self.banner(ui, run, cx);
            self.panels(ui, run, cx);
        });
    }

    fn run_choice(&mut self, ui: &mut Ui, run: &RunSummary, width: f32, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        let mut chosen = None;
        let shown = RichText::new(format::shortened(&run.name, 24));
        let combo =
            ComboBox::from_id_salt("train run").selected_text(shown).width(width).truncate().show_ui(ui, |ui| {
                for other in &cx.studio.runs {
                    let (word, _) = status::state_word(other);
                    let text = format!(
                        "{} · {word} · {}",
                        format::shortened(&other.name, 28),
                        format::kimg(other.progress.images)
                    );
                    let colour = t.series(cx.studio.run_colour(&other.dir));
                    ui.horizontal(|ui| {
                        let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), egui::Sense::hover());
                        ui.painter().circle_filled(dot.center(), 4.0, colour);
                        if ui.selectable_label(other.dir == run.dir, text).clicked() {
                            chosen = Some(other.dir.clone());
                        }
                    });
                }
            });
        combo.response.accessible_name("Run").on_hover_text(run.dir.display().to_string());
        if let Some(dir) = chosen {
            self.select(&dir, cx);
        }
    }

    /// What ended a run, or what it waits for, with the button that goes on.
    fn banner(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        let frame = |tone: Tone| {
            Frame::new()
                .fill(tone.colour(t).gamma_multiply(0.08))
                .stroke(egui::Stroke::new(1.0, tone.colour(t).gamma_multiply(0.4)))
                .corner_radius(egui::CornerRadius::same(size::RADIUS_CARD))
                .inner_margin(Margin::same(size::M as i8))
        };
        let mut resume: Option<Option<f64>> = None;
        let mut answer: Option<PictureAnswer> = None;
        match run.state {
            RunState::Failed | RunState::Interrupted => {
                let shown = frame(status::state_word(run).1).show(ui, |ui| {
                    ui.set_width(ui.available_width());
                    let mut act = |ui: &mut Ui, cx: &mut Cx<'_>| {
                        let button = theme::primary_button(ui, Some(ICON_PLAY_ARROW), "Resume");
                        let from = run.checkpoints.last().map_or_else(
                            || "There is no checkpoint: it begins again".to_owned(),
                            |c| format!("Continues from the checkpoint at {} (Ctrl+Enter)", format::kimg(c.images)),
                        );
                        if button.on_hover_text(from).clicked() {
                            resume = Some(None);
                        }
                        if let Some(asked) = locate::asked(run) {
                            answer = locate::buttons(ui, asked, cx);
                        }
                    };
                    let say = |ui: &mut Ui, cx: &mut Cx<'_>| match &run.problem {
                        Some(problem) => {
                            if theme::problem(ui, problem) {
                                cx.actions.push(Action::CopyText(problem.to_string()));
                            }
                        }
                        None => {
                            ui.label("The run ended without saying why");
                        }
                    };
                    if ui.available_width() < BESIDE {
                        say(ui, cx);
                        ui.horizontal_wrapped(|ui| act(ui, cx));
                        return;
                    }
                    ui.horizontal_top(|ui| {
                        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                            act(ui, cx);
                            ui.with_layout(Layout::top_down(Align::Min), |ui| say(ui, cx));
                        });
                    });
                });
                shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Alert, true, "What ended the run"));
                ui.add_space(size::S);
            }
            RunState::Finished | RunState::Stopped => {
                ui.horizontal_wrapped(|ui| {
                    let short = run.progress.images < run.progress.target;
                    let seen = format::kimg(run.progress.images);
                    let text = if short {
                        format!("Stopped at {seen} of {}", format::kimg(run.progress.target))
                    } else {
                        format!("Reached {seen}")
                    };
                    ui.label(RichText::new(text).color(t.weak));
                    ui.add_space(size::S);
                    if short && theme::button(ui, Some(ICON_PLAY_ARROW), "Resume").clicked() {
                        resume = Some(None);
                    }
                    let more = theme::button(ui, None, "Train longer");
                    if more.on_hover_text("Continues from the last checkpoint, by this much").clicked() {
                        resume = Some(Some(self.further));
                    }
                    let drag = DragValue::new(&mut self.further).range(0.1..=1e6).speed(1.0).suffix(" kimg");
                    ui.add(drag).accessible_name("How much longer");
                });
                ui.add_space(size::S);
            }
            RunState::Queued => {
                ui.horizontal_wrapped(|ui| {
                    let text = match cx.studio.alive_run() {
                        Some(busy) => format!("This run {}", waits_for(busy)),
                        None => "This run waits for its turn".into(),
                    };
                    ui.label(RichText::new(text).color(t.weak));
                    if theme::button(ui, None, "Remove from queue").clicked() {
                        cx.send(Command::Unqueue { dir: run.dir.clone() });
                    }
                });
                ui.add_space(size::S);
            }
            RunState::Preparing => {
                ui.horizontal_wrapped(|ui| {
                    ui.spinner();
                    let stage = &run.progress.stage;
                    let text = if stage.is_empty() {
                        "Preparing pictures and kernels; the first steps are the slowest"
                    } else {
                        stage
                    };
                    ui.label(RichText::new(text).color(t.weak));
                });
                ui.add_space(size::S);
            }
            RunState::Training | RunState::Paused => {}
        }
        if resume.is_some() || answer.is_some() {
            self.resume(run, resume.flatten(), answer.unwrap_or_default(), cx);
        }
    }

    fn panels(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        let room = ui.available_rect_before_wrap();
        let live = cx.studio.live.get(&run.dir);
        if room.width() < NARROW {
            let options = [(true, "Samples"), (false, "Curves")];
            theme::segmented(ui, "Look at", &mut self.show_samples, &options);
            if self.show_samples {
                happening(ui, run, live);
                self.samples.show(ui, run, live, cx);
            } else {
                self.curve_panel(ui, run, cx);
            }
            return;
        }
        let gap = size::L;
        let left = room.with_max_x(room.left() + ((room.width() - gap) * 0.5).floor());
        let right = room.with_min_x(left.right() + gap);
        ui.scope_builder(UiBuilder::new().max_rect(left), |ui| self.curve_panel(ui, run, cx));
        ui.scope_builder(UiBuilder::new().max_rect(right), |ui| {
            happening(ui, run, live);
            self.samples.show(ui, run, live, cx);
        });
    }

    fn curve_panel(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        let overlay: Vec<_> = self.curves.overlay.iter().cloned().collect();
        for dir in overlay {
            self.load(&dir, cx);
        }
        let branches = tree::family(&cx.studio.runs, run);
        let mut panels = vec![(Panel::Curves, "Curves"), (Panel::Metrics, "Metrics")];
        if branches.len() > 1 {
            panels.push((Panel::Tree, "Tree"));
        } else if self.panel == Panel::Tree {
            self.panel = Panel::Curves;
        }
        theme::segmented(ui, "Show", &mut self.panel, &panels);
        if self.panel == Panel::Tree {
            ui.add_space(size::S);
            if let Some(other) = self.blink.other.clone() {
                self.load(&other, cx);
            }
            let branches = tree::family(&cx.studio.runs, run);
            if let Some(dir) = tree::show(ui, &mut self.blink, &branches, run, cx) {
                self.select(&dir, cx);
            }
            return;
        }
        if self.panel == Panel::Metrics {
            ui.add_space(size::S);
            self.scores.show(ui, ViewId::Train, &run.dir.display().to_string(), !run.checkpoints.is_empty(), cx);
            return;
        }
        if let Some((path, content)) = self.curves.show(ui, run, cx) {
            self.writer.write(path, content, ui.ctx().clone());
        }
    }
}

/// What is happening now, over the samples.
fn happening(ui: &mut Ui, run: &RunSummary, live: Option<&RunLive>) {
    let Some(line) = now::line(run, live) else { return };
    let t = theme::tokens(ui);
    let shown = ui.add(egui::Label::new(RichText::new(&line).size(size::SMALL).color(t.text)).wrap());
    theme::name(&shown, egui::Role::Status, &format!("What is happening now: {line}"));
    ui.add_space(size::XS);
}

fn explore(ui: &mut Ui, run: &RunSummary, words: bool, cx: &mut Cx<'_>) {
    let add = |ui: &mut Ui| {
        let button = labelled(ui, words, ICON_EXPLORE, "Explore this model");
        let button = button.on_hover_text("Explore what the latest checkpoint learned");
        button.on_disabled_hover_text("Once the first checkpoint is saved")
    };
    let response = if run.checkpoints.is_empty() { ui.add_enabled_ui(false, add).inner } else { add(ui) };
    if response.clicked() {
        cx.push(Action::explore(run.dir.display().to_string()));
    }
}

/// Pause, step, checkpoint, stop; drawn from the right.
fn controls(ui: &mut Ui, run: &RunSummary, wide: bool, cx: &mut Cx<'_>) {
    if !run.state.is_alive() {
        return;
    }
    let mut button = |ui: &mut Ui, icon: Icon, name: &str, command: UiCommand, control: Control, enabled: bool| {
        let os = ui.ctx().os();
        let keys = command.shortcuts(os).first().map(|k| ui.ctx().format_shortcut(k));
        let help = match keys {
            Some(keys) => format!("{} ({keys})", command.tooltip()),
            None => command.tooltip().to_owned(),
        };
        let add = |ui: &mut Ui| labelled(ui, wide && control != Control::Step, icon, name);
        let response = if enabled { add(ui) } else { ui.add_enabled_ui(false, add).inner };
        if response.on_hover_text(help).clicked() {
            TrainView::control(&run.dir, control, cx);
        }
    };
    button(ui, ICON_STOP, "Stop", UiCommand::Stop, Control::Stop, true);
    button(
        ui,
        ICON_SAVE,
        "Checkpoint now",
        UiCommand::Checkpoint,
        Control::Checkpoint,
        run.state != RunState::Preparing,
    );
    let paused = run.state == RunState::Paused;
    if paused {
        button(ui, ICON_PLAY_ARROW, "Resume", UiCommand::Pause, Control::Resume, true);
        // On the left of all others, so that none of them moves when it comes.
        button(ui, ICON_SKIP_NEXT, "Step", UiCommand::Step, Control::Step, true);
    } else {
        button(ui, ICON_PAUSE, "Pause", UiCommand::Pause, Control::Pause, run.state == RunState::Training);
    }
}

/// A button with words where there is room for them, an icon of the same name otherwise.
fn labelled(ui: &mut Ui, words: bool, icon: Icon, name: &str) -> egui::Response {
    if words { theme::button(ui, Some(icon), name) } else { plain(ui, icon, name) }
}

/// An icon whose tooltip says more than its name.
fn plain(ui: &mut Ui, icon: Icon, name: &str) -> egui::Response {
    let t = theme::tokens(ui);
    let colour = if ui.is_enabled() { t.text } else { t.disabled };
    let button = egui::Button::new(theme::icon_text(Some(icon), "", size::STRONG, colour))
        .frame_when_inactive(false)
        .min_size(vec2(size::CONTROL, size::CONTROL));
    let response = ui.add(button);
    theme::name(&response, egui::Role::Button, name);
    response
}
