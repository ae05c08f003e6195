//! The right: how pictures are prepared, what comes of one of them, and what there is in all.

use egui::{Grid, RichText, Sense, Ui, vec2};
use egui_material_icons::icons::ICON_ARROW_FORWARD;

use super::DataView;
use super::preview::Which;
use crate::data::report::Survey;
use crate::engine::Command;
use crate::recipe::form::{Group, with_titles};
use crate::recipe::{DataRecipe, Recipe, json_path};
use crate::ui::format;
use crate::ui::theme::{self, size};
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::{Cx, View, ViewId};
use crate::ui::widgets::form::{FormOptions, Suggestion};

impl DataView {
    /// Draws the inspector.
    pub(super) fn inspect(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        theme::section(ui, "Preparation");
        if !survey.entries.is_empty() {
            self.before_and_after(ui, survey, cx);
            ui.add_space(size::S);
        }
        self.settings(ui, cx);
        if !survey.entries.is_empty() {
            theme::section(ui, "Augmentation");
            self.augmented(ui, survey, cx);
        }
        theme::section(ui, "Contents");
        self.facts(ui, survey, cx);
        self.words(ui, survey, cx);
        if !survey.guesses.is_empty() {
            theme::section(ui, "What was assumed");
            for guess in &survey.guesses {
                ui.add(egui::Label::new(RichText::new(&guess.what).size(size::SMALL)).wrap());
                if let Some(otherwise) = guess.otherwise.as_deref().map(with_titles) {
                    let weak = theme::tokens(ui).weak;
                    ui.add(egui::Label::new(RichText::new(otherwise).size(size::SMALL).color(weak)).wrap());
                }
            }
        }
    }

    /// Captions and labels as words that the studio can learn.
    fn words(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        if self.figures(survey).worded < crate::eval::joint::teach::FEWEST {
            return;
        }
        theme::section(ui, "Words");
        let what =
            "Searching by words knows emoji, pixel characters and game tiles best; it can learn what yours are called";
        ui.add(egui::Label::new(RichText::new(what).size(size::SMALL).color(theme::tokens(ui).weak)).wrap());
        ui.horizontal(|ui| {
            if job_progress::shown(ui, cx, self.words, 120.0, "Learning words", "Cancel learning") != Doing::Nothing {
                return;
            }
            let help =
                format!("Learns from up to {} captions or labels in about a minute", crate::eval::joint::teach::MOST);
            if theme::button(ui, None, "Teach it your words").on_hover_text(help).clicked() {
                let job = cx.new_job();
                self.words = Some(job);
                let (source, reading) = (survey.source.clone(), survey.reading.clone());
                cx.send(Command::TeachWords { job, source, reading });
            }
        });
    }

    fn before_and_after(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        let planned = self.planned(survey, cx.studio);
        self.preview.ask(&planned.data, &planned.objective, cx);
        let t = theme::tokens(ui);
        let arrow = 24.0;
        let side = ((ui.available_width() - arrow) / 2.0).floor();
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            self.preview.show(ui, cx, Which::Before, side, "Before preparation");
            let (rect, _) = ui.allocate_exact_size(vec2(arrow, side), Sense::hover());
            let icon = ICON_ARROW_FORWARD;
            let font = egui::FontId::new(size::ICON, icon.font_family());
            ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, icon.codepoint, font, t.weak);
            self.preview.show(ui, cx, Which::After, side, "After preparation");
        });
        let resolution = self.recipe.data.resolution;
        let entry = self.preview.name().and_then(|name| self.places.entry(survey, name));
        let text = entry.map_or_else(
            || "Point at a picture to preview its preparation".to_owned(),
            |e| {
                let name = format::shortened(&e.name, 24);
                format!("{name} · {}×{} to {}", e.width, e.height, resolution.both())
            },
        );
        theme::weak(ui, text);
    }

    fn settings(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let exclude = self.recipe.data.exclude.clone();
        let defaults = Recipe { data: DataRecipe { exclude, ..self.suited.clone() }, ..self.recipe.clone() };
        let problem = self.recipe.validate().err();
        let survey = cx.studio.surveys.get(&self.recipe.data.source);
        let known = survey.map(|s| s.known(&self.recipe.data, &self.excluded));
        let suggestion = known.and_then(|known| Suggestion::shape(&known, self.recipe.data.resolution));
        let options = FormOptions {
            defaults: &defaults,
            family: crate::base::Family::Gan,
            running: false,
            groups: &[Group::Data],
            hide: &["data.source", "data.exclude"],
            problem: problem.as_ref(),
            flat: true,
            suggestion: suggestion.as_ref(),
        };
        if let Some(change) = self.form.show(ui, &self.recipe, &options) {
            if change.began {
                let label = format!("change {}", change.title.to_lowercase());
                cx.undo_point(ViewId::Data, label, self.snapshot());
            }
            // The form keeps values within their ranges.
            if let Err(problem) = json_path::set(&mut self.recipe, change.key, change.value) {
                cx.say(problem);
            }
            // What is listed follows how the source is understood.
            self.survey_if_needed(cx, false);
        }
    }

    fn augmented(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        let share = self.planned(survey, cx.studio).objective.augment.start;
        let text = match (share > 0.0, self.recipe.data.mirror) {
            (true, _) => format!(
                "A GAN's critic sees {:.0} % of the pictures augmented, so that it does not memorise a data set this small",
                share * 100.0
            ),
            (false, true) => {
                "Half of the pictures are mirrored; a data set this large needs no more augmentation".into()
            }
            (false, false) => {
                "A data set this large is used as it is; Train can turn augmentation on for a GAN's critic".into()
            }
        };
        ui.add(egui::Label::new(RichText::new(text).size(size::SMALL).color(theme::tokens(ui).weak)).wrap());
        if share <= 0.0 && !self.recipe.data.mirror {
            return;
        }
        let side = ((ui.available_width() - 2.0 * size::XS) / 3.0).floor().min(84.0);
        for row in 0..2 {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = size::XS;
                for i in row * 3..row * 3 + 3 {
                    self.preview.show(ui, cx, Which::Trained(i), side, &format!("As trained {}", i + 1));
                }
            });
        }
    }

    fn facts(&self, ui: &mut Ui, survey: &Survey, cx: &Cx<'_>) {
        let t = theme::tokens(ui);
        let usable = self.usable(survey);
        let data = &self.recipe.data;
        let sizes = match survey.sizes.as_slice() {
            [] => "–".to_owned(),
            [(w, h, _)] => format!("all {w}×{h}"),
            [(w, h, n), rest @ ..] => format!("{w}×{h} ({}), {} more", format::count(*n), rest.len()),
        };
        let mut rows = vec![
            ("Trained on", format::plural(usable, "picture", "pictures")),
            ("Usable", format::count(survey.entries.len() as u64)),
            ("Kind", survey.kind.clone()),
            ("Sizes", sizes),
        ];
        if !survey.labels.is_empty() {
            rows.push(("Labels", format::count(survey.labels.len() as u64)));
        }
        if !survey.factors.is_empty() {
            rows.push(("Factors", survey.factors.join(", ")));
        }
        rows.push(("Grey", format::count(survey.grey)));
        rows.push(("Transparent", format::count(survey.transparent)));
        rows.push(("Blank", format::count(survey.blank.len() as u64)));
        rows.push(("On disk", format::bytes(survey.bytes)));
        let (needed, enough) = format::room(crate::data::prepared_bytes(data, usable), cx.studio.space.prepared);
        rows.push(("Prepared", format!("needs {needed}")));
        rows.push((
            "Held out",
            if usable < 200 {
                "none below 200 pictures".into()
            } else {
                format!("about {} (5 %)", format::count(usable / 20))
            },
        ));
        if data.limit > 0 {
            rows.push(("Limit", format::count(u64::from(data.limit))));
        }
        Grid::new("data facts").num_columns(2).spacing([size::M, size::XS]).show(ui, |ui| {
            for (name, value) in rows {
                ui.label(RichText::new(name).size(size::SMALL).color(t.weak));
                let colour = if name == "Prepared" && !enough { t.bad } else { t.text };
                ui.add(egui::Label::new(RichText::new(value).size(size::SMALL).color(colour)).wrap());
                ui.end_row();
            }
        });
        if survey.labels.len() > 1 {
            self.labels(ui, survey);
        }
    }

    /// The labels with their shares, most frequent first.
    fn labels(&self, ui: &mut Ui, survey: &Survey) {
        let t = theme::tokens(ui);
        let figures = self.figures(survey);
        let most = figures.shares.first().map_or(1, |(_, count)| *count).max(1);
        ui.add_space(size::XS);
        for (label, count) in figures.shares.iter().take(12) {
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
            let share = *count as f32 / most as f32;
            let bar = rect.with_max_x(rect.left() + rect.width() * share).shrink2(vec2(0.0, 1.0));
            ui.painter().rect_filled(bar, 2.0, t.accent.gamma_multiply(0.18));
            let font = egui::FontId::proportional(size::SMALL);
            let name = format::shortened(label, 26);
            let left = rect.left_center() + vec2(size::XS, 0.0);
            ui.painter().text(left, egui::Align2::LEFT_CENTER, name, font.clone(), t.text);
            let right = rect.right_center() - vec2(size::XS, 0.0);
            ui.painter().text(right, egui::Align2::RIGHT_CENTER, format::count(*count), font, t.weak);
            theme::name(&response, egui::Role::Label, &format!("{label}: {count}"));
        }
        if figures.shares.len() > 12 {
            theme::weak(ui, format!("and {} more", figures.shares.len() - 12));
        }
    }
}
