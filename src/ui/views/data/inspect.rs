//! The right: how pictures are prepared, what comes of one of them, and what there is in all.

use std::time::{Duration, Instant};

use egui::{Grid, RichText, Sense, Ui, vec2};
use egui_material_icons::icons::ICON_ARROW_FORWARD;

use super::DataView;
use crate::base::Picture;
use crate::data::report::Survey;
use crate::engine::{Command, Event};
use crate::recipe::form::Group;
use crate::recipe::{DataRecipe, Recipe, path};
use crate::ui::format;
use crate::ui::textures::{self, Textures, key};
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, View, ViewId};
use crate::ui::widgets::form::FormOptions;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// One picture before and after preparation; follows the pointer.
#[derive(Debug, Default)]
pub(super) struct Preview {
    wanted: Option<u32>,
    /// What was asked and is not answered.
    asked: Option<(u32, DataRecipe)>,
    asked_at: Option<Instant>,
    /// What is shown.
    shown: Option<(u32, DataRecipe)>,
    arrived: Option<(Picture, Picture, Vec<Picture>)>,
    augmented: usize,
    revision: u64,
}

impl Preview {
    /// The picture to show.
    pub fn want(&mut self, place: Option<u32>) {
        if place.is_some() {
            self.wanted = place;
        }
    }

    /// Takes in an answer.
    pub fn receive(&mut self, event: &Event) {
        if let Event::PreparationPreview { index, before, after, augmented } = event
            && self.asked.as_ref().is_some_and(|(place, _)| place == index)
        {
            self.shown = self.asked.take();
            self.arrived = Some((before.clone(), after.clone(), augmented.clone()));
        }
    }

    /// Uploads what arrived.
    pub fn upload(&mut self, ctx: &egui::Context, textures: &mut Textures) {
        if let Some((before, after, augmented)) = self.arrived.take() {
            self.revision += 1;
            textures.upload(ctx, key("preparation before"), self.revision, &before);
            textures.upload(ctx, key("preparation after"), self.revision, &after);
            self.augmented = augmented.len();
            for (i, picture) in augmented.iter().enumerate() {
                textures.upload(ctx, key(("preparation augmented", i)), self.revision, picture);
            }
        }
    }

    /// Asks for what is wanted if nothing else is on its way: at most one at a time, the newest wish next.
    fn ask(&mut self, data: &DataRecipe, cx: &mut Cx<'_>) {
        let Some(place) = self.wanted else { return };
        // A picture that cannot be prepared is never answered: after a while the next wish counts.
        if self.asked.is_some() && self.asked_at.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        // Names of pictures that are left out change nothing here.
        let data = DataRecipe { exclude: Vec::new(), ..data.clone() };
        let wanted = Some((place, data));
        if self.shown != wanted && self.asked != wanted {
            self.asked_at = Some(Instant::now());
            if let Some((index, data)) = wanted.clone() {
                cx.send(Command::PreviewPreparation { data, index, augment: true });
            }
            self.asked = wanted;
        }
    }
}

impl DataView {
    /// Draws the inspector.
    pub(super) fn inspect(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        theme::section(ui, "Preparation");
        self.before_and_after(ui, survey, cx);
        ui.add_space(size::S);
        self.settings(ui, cx);
        theme::section(ui, "Augmentation");
        self.augmented(ui, cx);
        theme::section(ui, "What is in it");
        self.facts(ui, survey);
    }

    fn before_and_after(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        let data = self.recipe.data.clone();
        self.preview.ask(&data, cx);
        let t = theme::tokens(ui);
        let arrow = 24.0;
        let side = ((ui.available_width() - arrow) / 2.0).floor();
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            for (which, name) in
                [("preparation before", "Before preparation"), ("preparation after", "After preparation")]
            {
                let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
                ui.painter().rect_filled(rect, f32::from(size::RADIUS), t.canvas);
                if let Some(tex) = cx.textures.peek(key(which)).filter(|_| self.preview.shown.is_some()) {
                    let fitted = egui::Rect::from_center_size(rect.center(), tex.fit(rect.size()));
                    textures::paint(ui.painter(), fitted, &tex, t);
                }
                theme::name(&response, egui::Role::Image, name);
                response.on_hover_text(name);
                if which.ends_with("before") {
                    let (rect, _) = ui.allocate_exact_size(vec2(arrow, side), Sense::hover());
                    let icon = ICON_ARROW_FORWARD;
                    let font = egui::FontId::new(size::ICON, icon.font_family());
                    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, icon.codepoint, font, t.weak);
                }
            }
        });
        let entry = self.preview.shown.as_ref().and_then(|(i, _)| survey.entries.get(*i as usize));
        let text = entry.map_or_else(
            || "Point at a picture to see what becomes of it".to_owned(),
            |e| {
                format!("{} · {}×{} to {r}×{r}", format::shortened(&e.name, 24), e.width, e.height, r = data.resolution)
            },
        );
        theme::weak(ui, text);
    }

    fn settings(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let exclude = self.recipe.data.exclude.clone();
        let defaults = Recipe { data: DataRecipe { exclude, ..self.suited.clone() }, ..self.recipe.clone() };
        let problem = self.recipe.validate().err();
        let options = FormOptions {
            defaults: &defaults,
            family: crate::base::Family::Gan,
            running: false,
            groups: &[Group::Data],
            hide: &["data.source", "data.exclude"],
            problem: problem.as_ref(),
            flat: true,
        };
        if let Some(change) = self.form.show(ui, &self.recipe, &options) {
            if change.began {
                let label = format!("change {}", change.title.to_lowercase());
                cx.undo_point(ViewId::Data, label, self.snapshot());
            }
            // The form keeps values within their ranges.
            if let Err(problem) = path::set(&mut self.recipe, change.key, change.value) {
                cx.say(problem);
            }
        }
    }

    fn augmented(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        theme::weak(ui, "What a GAN's critic may see of this picture, so that a small set is not learned by heart");
        let side = ((ui.available_width() - 2.0 * size::XS) / 3.0).floor().min(84.0);
        let count = self.preview.augmented.min(6);
        for row in 0..count.div_ceil(3).max(1) {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = size::XS;
                for i in row * 3..row * 3 + 3 {
                    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
                    ui.painter().rect_filled(rect, f32::from(size::RADIUS), t.canvas);
                    if let Some(tex) = cx.textures.peek(key(("preparation augmented", i))).filter(|_| i < count) {
                        let fitted = egui::Rect::from_center_size(rect.center(), tex.fit(rect.size()));
                        textures::paint(ui.painter(), fitted, &tex, t);
                    }
                    theme::name(&response, egui::Role::Image, &format!("Augmented {}", i + 1));
                }
            });
        }
    }

    fn facts(&self, ui: &mut Ui, survey: &Survey) {
        let t = theme::tokens(ui);
        let usable = self.usable(survey);
        let data = &self.recipe.data;
        let shape = self.recipe.shape();
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
        rows.push(("On disk", format::bytes(survey.bytes)));
        rows.push(("Prepared", format!("needs {}", format::bytes(usable * shape.bytes() as u64))));
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
                ui.add(egui::Label::new(RichText::new(value).size(size::SMALL)).wrap());
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
        let mut counts = vec![0u64; survey.labels.len()];
        for label in survey.entries.iter().filter_map(|e| e.label) {
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(counts[i]));
        let most = counts.iter().copied().max().unwrap_or(1).max(1);
        ui.add_space(size::XS);
        for &i in order.iter().take(12) {
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
            let share = counts[i] as f32 / most as f32;
            let bar = rect.with_max_x(rect.left() + rect.width() * share).shrink2(vec2(0.0, 1.0));
            ui.painter().rect_filled(bar, 2.0, t.accent.gamma_multiply(0.18));
            let font = egui::FontId::proportional(size::SMALL);
            let name = format::shortened(&survey.labels[i], 26);
            let left = rect.left_center() + vec2(size::XS, 0.0);
            ui.painter().text(left, egui::Align2::LEFT_CENTER, name, font.clone(), t.text);
            let right = rect.right_center() - vec2(size::XS, 0.0);
            ui.painter().text(right, egui::Align2::RIGHT_CENTER, format::count(counts[i]), font, t.weak);
            theme::name(&response, egui::Role::Label, &format!("{}: {}", survey.labels[i], counts[i]));
        }
        if order.len() > 12 {
            theme::weak(ui, format!("and {} more", order.len() - 12));
        }
    }
}
