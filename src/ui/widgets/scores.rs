//! What is known of how good a model is: scores with their intervals, measured when asked for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use egui::{DragValue, Grid, RichText, ScrollArea, Sense, Ui, Vec2, vec2};
use egui_material_icons::icons::{ICON_ARROW_DOWNWARD, ICON_ARROW_UPWARD, ICON_CLOSE, ICON_STRAIGHTEN, ICON_WARNING};

use crate::engine::dataset_locator::is_unknown;
use crate::engine::{Command, Evaluation, Event, JobId, Score};
use crate::eval::{Direction, METRICS, table};
use crate::models::info::ModelRef;
use crate::ui::action::Action;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::widgets::own_data::OwnData;
use crate::ui::{format, glossary, verdict};

/// Side of a picture of a suspect pair.
const PAIR: f32 = 56.0;
/// Room from which on a table of scores says over how many pictures each was counted.
const WIDE: f32 = 600.0;

/// Chooses metrics, has them measured, shows what came of it. One for each view that has it.
#[derive(Debug)]
pub struct ScorePanel {
    chosen: BTreeSet<&'static str>,
    /// What to hold models against, where that is not what they were trained on.
    data: String,
    count: u32,
    /// Weights whose scores were asked for.
    asked: HashSet<(ModelRef, String)>,
    jobs: HashMap<ModelRef, JobId>,
    own: OwnData,
}

impl Default for ScorePanel {
    fn default() -> Self {
        Self {
            chosen: ["kid", "fid", "prdc", "memory"].into(),
            data: String::new(),
            count: 1000,
            asked: HashSet::new(),
            jobs: HashMap::new(),
            own: OwnData::default(),
        }
    }
}

impl ScorePanel {
    /// Draws the panel in the room there is, in `view`. `ready` says that there are weights to measure.
    pub fn show(&mut self, ui: &mut Ui, view: ViewId, model: &ModelRef, ready: bool, cx: &mut Cx<'_>) {
        ScrollArea::vertical().id_salt(("scores", model)).show(ui, |ui| self.show_whole(ui, view, model, ready, cx));
    }

    /// Something happened.
    pub fn on_event(&mut self, event: &Event) {
        self.own.on_event(event);
    }

    /// Takes the answer of the dialog that chooses a model's pictures. True if it was for it.
    pub fn picked(&self, purpose: &str, paths: &[PathBuf], cx: &mut Cx<'_>) -> bool {
        self.own.picked(purpose, paths, cx)
    }

    /// Draws the panel as high as it is.
    pub fn show_whole(&mut self, ui: &mut Ui, view: ViewId, model: &ModelRef, ready: bool, cx: &mut Cx<'_>) {
        let hash = cx.studio.model(model).map(|m| m.hash.clone()).unwrap_or_default();
        if ready && self.asked.insert((model.clone(), hash)) {
            cx.send(Command::KnownScores { model: model.clone() });
        }
        self.own.follow(model, cx);
        let missing = self.data.trim().is_empty() && self.own.ask(ui, cx, view, model);
        self.tools(ui, model, ready && !missing, cx);
        ui.add_space(size::S);
        let evaluation = cx.studio.evaluations.get(model);
        match evaluation.filter(|e| !e.scores.is_empty()) {
            None => {
                let text = if ready {
                    "Not measured yet. Scores say how far samples are from the data, whether all of the data is covered, and whether pictures were memorised"
                } else {
                    "Scores can be measured once the first checkpoint is saved"
                };
                ui.add(egui::Label::new(RichText::new(text).size(size::SMALL).color(theme::tokens(ui).weak)).wrap());
            }
            Some(evaluation) => {
                rows(ui, evaluation);
                pairs(ui, model, evaluation, cx);
            }
        }
    }

    fn tools(&mut self, ui: &mut Ui, model: &ModelRef, ready: bool, cx: &mut Cx<'_>) {
        let job = self.jobs.get(model).and_then(|id| cx.studio.jobs.get(id));
        let (running, ended) = (job.filter(|j| !j.ended), job.filter(|j| j.ended));
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = size::S;
            if let Some(job) = running {
                theme::progress(ui, job.share(), 140.0, &job.title);
                theme::weak(ui, job.title.clone());
                if theme::icon_button(ui, ICON_CLOSE, "Cancel measuring").clicked() {
                    cx.push(Action::Cancel(job.id));
                }
                return;
            }
            let able = ready && !self.chosen.is_empty();
            let measure = ui.add_enabled_ui(able, |ui| theme::button(ui, Some(ICON_STRAIGHTEN), "Measure")).inner;
            let help = "Makes samples and measures the chosen metrics; training continues meanwhile, a little slower";
            let measure = measure.on_hover_text(help).on_disabled_hover_text(if !ready {
                "There is nothing to measure with yet: weights, or the pictures to compare with"
            } else {
                "Choose a metric first"
            });
            if measure.clicked() {
                let job = cx.new_job();
                self.jobs.insert(model.clone(), job);
                cx.send(Command::Evaluate {
                    job,
                    model: model.clone(),
                    data: Some(self.data.trim().to_owned()).filter(|d| !d.is_empty()),
                    metrics: self.chosen.iter().map(|id| (*id).to_string()).collect(),
                    count: self.count,
                });
            }
            ui.menu_button("Metrics", |ui| {
                for metric in METRICS {
                    let mut on = self.chosen.contains(metric.id);
                    if ui.checkbox(&mut on, metric.title).on_hover_text(metric.says).changed() {
                        if on {
                            self.chosen.insert(metric.id);
                        } else {
                            self.chosen.remove(metric.id);
                        }
                    }
                }
            })
            .response
            .on_hover_text("Which metrics to measure; those that do not apply to a model are skipped");
            let count = DragValue::new(&mut self.count).range(100..=50_000).speed(10.0).suffix(" samples");
            ui.add(count)
                .accessible_name("Samples")
                .on_hover_text("More samples give narrower intervals but take longer; only scores from the same number can be compared");
            theme::text_field(ui, &mut self.data, "data it was trained on", 200.0, "Data to compare with")
                .on_hover_text("A folder, zip or other source; left empty, the source of the model's recipe");
        });
        // What is missing is said above, with the way out.
        let problem = ended.and_then(|j| j.problem.as_ref()).filter(|p| !is_unknown(p));
        if let Some(problem) = problem {
            theme::toned(ui, Tone::Bad, problem.to_string());
        }
    }
}

/// The newest score of each name, in the order of the table.
pub fn newest(scores: &[Score]) -> Vec<&Score> {
    let mut out: Vec<&Score> = Vec::new();
    for score in scores {
        out.retain(|s| s.name != score.name);
        out.push(score);
    }
    let place = |s: &Score| {
        let name = s.name.split('/').next().unwrap_or_default();
        METRICS.iter().flat_map(|m| m.gives.iter()).position(|g| *g == name)
    };
    out.sort_by_key(|s| place(s));
    out
}

fn rows(ui: &mut Ui, evaluation: &Evaluation) {
    let t = theme::tokens(ui);
    // What it was counted over stands in the tooltip where there is no room for it.
    let wide = ui.available_width() > WIDE;
    Grid::new("scores").num_columns(5).spacing(vec2(size::L, size::XS)).show(ui, |ui| {
        for score in newest(&evaluation.scores) {
            let name = table::name(&score.name);
            let title = name.map_or(score.name.as_str(), |n| n.title);
            let class = score.name.split_once('/').map(|(_, class)| class);
            let text = class.map_or_else(|| title.to_string(), |c| format!("{title}, {c}"));
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = size::XS;
                ui.label(text).on_hover_text(about(score));
                match name.map_or(Direction::Neither, |n| n.better) {
                    Direction::Lower => theme::icon(ui, ICON_ARROW_DOWNWARD, size::SMALL, t.weak, "Lower is better"),
                    Direction::Higher => theme::icon(ui, ICON_ARROW_UPWARD, size::SMALL, t.weak, "Higher is better"),
                    Direction::Neither => return,
                };
            });
            ui.label(RichText::new(format::number(score.value)).strong());
            let verdict = verdict::word(&score.name, score.value);
            ui.label(RichText::new(verdict.word).size(size::SMALL).color(verdict.tone.colour(t)));
            let interval = format!("{} to {}", format::number(score.low), format::number(score.high));
            ui.label(RichText::new(interval).size(size::SMALL).color(t.weak));
            let count =
                format!("{}, {}", format::plural(score.count, "picture", "pictures"), format::duration(score.seconds));
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = size::XS;
                if wide {
                    ui.label(RichText::new(count).size(size::SMALL).color(t.weak));
                }
                if !score.note.is_empty() {
                    theme::icon(ui, ICON_WARNING, size::SMALL, Tone::Warn.colour(t), &score.note);
                }
            });
            ui.end_row();
        }
    });
    for (id, why) in &evaluation.left_out {
        let title = table::find(id).map_or(id.as_str(), |m| m.title);
        theme::toned(ui, Tone::Quiet, format!("{title} was skipped: {why}"));
    }
}

/// Everything that a score depends on.
fn about(score: &Score) -> String {
    let mut lines = Vec::new();
    if let Some(name) = table::name(&score.name) {
        lines.push(name.says.to_string());
        lines.extend(glossary::find(name.title).map(|e| e.says.to_string()));
    }
    lines.push("95 % confidence interval".into());
    let mut more = |what: &str, text: &str| {
        if !text.is_empty() {
            lines.push(format!("{what}: {text}"));
        }
    };
    more("Features from", &score.extractor);
    more("Estimated by", &score.estimator);
    more("Measured over", &format::plural(score.count, "picture", "pictures"));
    more("Note", &score.note);
    if score.reference > 0 {
        more("Compared with", &format::plural(score.reference, "picture", "pictures"));
    }
    lines.join("\n")
}

/// Samples above the training pictures that they are most like.
fn pairs(ui: &mut Ui, model: &ModelRef, evaluation: &Evaluation, cx: &mut Cx<'_>) {
    if evaluation.suspects.is_empty() {
        return;
    }
    ui.add_space(size::M);
    theme::section(ui, "Closest to training pictures");
    theme::weak(ui, "Samples above, their nearest training pictures below; far below 1 means a copy");
    ScrollArea::horizontal().id_salt(("pairs", model)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing = vec2(size::S, 2.0);
            for suspect in evaluation.suspects.iter() {
                ui.vertical(|ui| {
                    let ratio = format::number(suspect.ratio);
                    for (which, picture, name) in [
                        ("sample", &suspect.sample, format!("Sample of seed {}", suspect.seed)),
                        ("training", &suspect.training, format!("Training picture {}", suspect.name)),
                    ] {
                        let tex = cx.textures.get(ui.ctx(), key((model, which, suspect.seed)), 1, picture);
                        let shown = textures::picture(ui, &tex, tex.fit(Vec2::splat(PAIR)), Sense::hover(), &name);
                        shown.on_hover_text(name);
                    }
                    theme::weak(ui, ratio).on_hover_text("Distance relative to that picture's own nearest neighbour");
                });
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable;

    use super::*;

    #[test]
    fn numbers_of_few_pictures_have_a_warning_beside_them() {
        let few = Score { name: "fid".into(), value: 1.0, count: 3, reference: 3, ..Score::default() }.noting_few(129);
        let many = Score { name: "kid".into(), value: 1.0, count: 500, reference: 500, ..Score::default() };
        let note = few.note.clone();
        let evaluation = Evaluation { scores: vec![few, many.noting_few(100)], ..Evaluation::default() };
        let setup = |ctx: &egui::Context| {
            theme::install_fonts(ctx);
            theme::apply(ctx, theme::Mode::Dark, true);
        };
        let harness = Harness::builder().with_context_setup(setup).build_ui(move |ui| rows(ui, &evaluation));
        assert_eq!(harness.query_all_by_label_contains("too few").count(), 1);
        assert!(harness.query_by_label(&note).is_some());
    }

    #[test]
    fn the_newest_score_of_each_name_is_shown_in_the_tables_order() {
        let score = |name: &str, value| Score { name: name.into(), value, ..Score::default() };
        let scores = vec![
            score("recall", 0.1),
            score("kid", 1.0),
            score("kid", 2.0),
            score("class-fid/b", 3.0),
            score("fid", 4.0),
        ];
        let shown: Vec<(&str, f64)> = newest(&scores).iter().map(|s| (s.name.as_str(), s.value)).collect();
        assert_eq!(shown, [("kid", 2.0), ("fid", 4.0), ("recall", 0.1), ("class-fid/b", 3.0)]);
    }
}
