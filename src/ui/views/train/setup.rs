//! Setting up a run: pictures, a preset, where it runs. Two clicks from the data to a run.

use egui::{Align, ComboBox, Layout, RichText, Sense, Ui, vec2};
use egui_material_icons::icons::{ICON_ARROW_BACK, ICON_FOLDER_OPEN, ICON_PLAY_ARROW, ICON_TUNE};

use super::super::data::{Which, bar, built_in_title, short_name, source_help, source_picker};
use super::proposal::shaped;
use super::{TrainView, estimate};
use crate::base::{Channels, Family};
use crate::data::prepared_bytes;
use crate::engine::Command;
use crate::models;
use crate::recipe::advice::{PictureKind, expect};
use crate::recipe::disk_space::run_bytes;
use crate::recipe::form::with_titles;
use crate::recipe::preset::{PRESETS, Preset, for_model};
use crate::recipe::{ObjectiveRecipe, Schedule, json_path};
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::glossary;
use crate::ui::textures;
use crate::ui::theme::{self, Tone, size};
use crate::ui::views::{Cx, View, ViewId};
use crate::ui::widgets::form::{FormOptions, Suggestion};
use crate::ui::widgets::network;

/// Narrower than this the buttons of a source stand below it.
const BESIDE: f32 = 520.0;
/// Smallest width of a preset's card, in points.
const CARD: f32 = 220.0;
/// Height of the words on it, in points.
const CARD_TEXT: f32 = 98.0;

impl TrainView {
    /// The page.
    pub(super) fn setup(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let mut start = false;
        bar(ui, "train tools", |ui| {
            if !cx.studio.runs.is_empty() {
                let back = theme::icon_button(ui, ICON_ARROW_BACK, "Back to the runs");
                if back.clicked() {
                    self.setting_up = false;
                    if cx.studio.selection.run.is_none() {
                        let first = cx.studio.runs.first().map(|r| r.dir.clone());
                        cx.push(Action::SelectRun(first));
                    }
                }
            }
            ui.label(RichText::new("New run").size(size::STRONG));
            theme::at_end(ui, |ui| {
                let obstacle = self.obstacle(cx.studio);
                ui.add_enabled_ui(obstacle.is_none(), |ui| {
                    let button = theme::primary_button(ui, Some(ICON_PLAY_ARROW), "Start training");
                    let button = button.on_hover_text("Start this run (Ctrl+Enter); it waits if another one is on");
                    let why = obstacle.as_ref().map(ToString::to_string).unwrap_or_default();
                    start = button.on_disabled_hover_text(why).clicked();
                });
                if !self.recipe.data.source.is_empty() {
                    let time = estimate::expected(&self.recipe, self.device(cx.studio), &cx.studio.runs);
                    let shown = theme::weak(ui, estimate::about(time.as_ref().map(|t| t.seconds)));
                    if let Some(time) = time {
                        shown.on_hover_text(time.basis.text());
                    }
                }
                if let Some(busy) = cx.studio.alive_run()
                    && ui.available_width() > 260.0
                {
                    theme::weak(ui, format!("{} ·", super::watch::waits_for(busy)));
                }
            });
        });
        if start {
            self.start(cx);
            return;
        }
        theme::page(ui, "train setup", |ui| {
            self.source_card(ui, cx);
            ui.add_space(size::M);
            if !self.recipe.data.source.is_empty() {
                self.presets(ui, cx);
                ui.add_space(size::M);
                self.token_model(ui, cx);
                self.networks(ui, cx);
                ui.add_space(size::M);
                self.place(ui, cx);
                ui.add_space(size::M);
                self.as_trained(ui, cx);
            }
        });
    }

    fn source_card(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let source = self.recipe.data.source.clone();
        if source.is_empty() {
            theme::section(ui, "Pictures to learn from");
            if let Some(source) = source_picker(ui, cx, ViewId::Train, &mut self.drop) {
                self.choose_source(&source, cx);
            }
            return;
        }
        theme::card(ui, |ui| {
            ui.set_width(ui.available_width());
            let narrow = ui.available_width() < BESIDE;
            ui.horizontal(|ui| {
                self.strip(ui, cx);
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 2.0;
                    ui.add_space(4.0);
                    let title = built_in_title(&source).map_or_else(|| short_name(&source), Into::into);
                    ui.add(egui::Label::new(RichText::new(title).size(size::STRONG)).truncate())
                        .on_hover_text(source_help(&source));
                    self.counts(ui, cx);
                });
                if !narrow {
                    let layout = Layout::right_to_left(Align::Center);
                    ui.with_layout(layout, |ui| self.source_buttons(ui, cx, &source));
                }
            });
            if narrow {
                ui.horizontal_wrapped(|ui| self.source_buttons(ui, cx, &source));
            }
            if let Some(problem) = self.source_problem(cx.studio) {
                ui.add_space(size::XS);
                theme::toned(ui, Tone::Bad, problem.to_string());
            }
        });
    }

    /// What can be done with the pictures that were chosen.
    fn source_buttons(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, source: &str) {
        let button = theme::button(ui, Some(ICON_TUNE), "Look at the pictures…");
        if button.on_hover_text("Correct, leave out and prepare in Data").clicked() {
            cx.push(Action::train_on(source.to_owned()));
        }
        let button = theme::quiet_button(ui, Some(ICON_FOLDER_OPEN), "Other pictures…");
        if button.on_hover_text("Choose a folder, zip or built-in set in place of these").clicked() {
            cx.undo_point(ViewId::Train, "choose other pictures", self.snapshot());
            self.recipe.data.source.clear();
        }
    }

    /// How many pictures there are, of what kind, and as what they are learned.
    fn counts(&self, ui: &mut Ui, cx: &Cx<'_>) {
        let t = theme::tokens(ui);
        let data = &self.recipe.data;
        let survey = cx.studio.surveys.get(&data.source);
        let known = self.known(cx.studio);
        let count = match (survey, known.pictures) {
            (Some(survey), usable) => format::usable(survey.files(), usable),
            (None, 0) => self.looking(cx),
            (None, n) => format::plural(n, "picture", "pictures"),
        };
        let kind =
            known.kind.filter(|k| *k != PictureKind::Points).map_or(String::new(), |k| format!(" · {}", k.noun()));
        let colours = crate::ui::widgets::form::option_title("data.channels", channels(&self.recipe));
        let text = format!("{count}{kind} · {} · {colours}", data.resolution.both());
        ui.label(RichText::new(text).size(size::SMALL).color(t.weak)).on_hover_text(
            "Usable: not broken, not left out, no spare duplicate. The kind is a guess from the pixels; size and colours \
             can be changed in the inspector",
        );
        if self.proposes_data && data.channels == Channels::Rgba && survey.is_some() {
            theme::weak(ui, "Most of these have transparency, so it is learned too");
        }
        let broken = survey.map_or(0, |s| s.broken.len() as u64);
        if broken > 0 {
            let text = format!("{} left out", format::plural(broken, "broken file", "broken files"));
            theme::toned(ui, Tone::Warn, text).on_hover_text("Data lists each with its reason");
        }
    }

    fn looking(&self, cx: &Cx<'_>) -> String {
        match self.survey_job.and_then(|j| cx.studio.jobs.get(&j)) {
            Some(job) if job.problem.is_some() => "could not be read".into(),
            Some(job) if !job.ended && job.done > 0 => format!("looking through {}…", format::count(job.done)),
            _ => "looking through them…".into(),
        }
    }

    /// The first few pictures of the source.
    fn strip(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        let count = ((ui.available_width() - 640.0) / 52.0).clamp(1.0, 8.0) as u32;
        let studio = cx.studio;
        let survey = studio.surveys.get(&self.recipe.data.source);
        let first: Vec<&str> =
            survey.map_or(&[][..], |s| &s.entries).iter().take(count as usize).map(|e| e.name.as_str()).collect();
        let missing: Vec<&str> =
            first.iter().copied().filter(|name| self.thumbs.get(cx.textures, name, 64).is_none()).collect();
        if let Some(command) = self.thumbs.ask(missing, 64) {
            cx.send(command);
        }
        ui.spacing_mut().item_spacing.x = size::XS;
        for i in 0..count {
            let (rect, _) = ui.allocate_exact_size(vec2(48.0, 48.0), Sense::hover());
            match first.get(i as usize).and_then(|name| self.thumbs.get(cx.textures, name, 64)) {
                Some(tex) => {
                    let fitted = egui::Rect::from_center_size(rect.center(), tex.fit(rect.size()));
                    textures::paint(ui.painter(), fitted, &tex, t);
                }
                None => {
                    ui.painter().rect_filled(rect, f32::from(size::RADIUS), t.canvas);
                }
            }
        }
        ui.add_space(size::S);
    }

    /// A picture as this recipe shows it to the networks, where that is not as it is.
    fn as_trained(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let gan = self.recipe.family().is_ok_and(|f| f == Family::Gan);
        let none = ObjectiveRecipe { augment: Schedule::constant(0.0), ..ObjectiveRecipe::default() };
        let objective = if gan { self.recipe.objective.clone() } else { none };
        if objective.augment.start <= 0.0 && !self.recipe.data.mirror {
            return;
        }
        let first = cx.studio.surveys.get(&self.recipe.data.source).and_then(|s| s.entries.first());
        self.preview.want(first.map(|e| e.name.as_str()));
        self.preview.ask(&self.recipe.data, &objective, cx);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = size::XS;
            let help = "The first picture, altered as often and in those ways that the recipe says (Augmentation)";
            theme::weak(ui, "As trained").on_hover_text(help);
            for i in 0..6 {
                self.preview.show(ui, cx, Which::Trained(i), 48.0, &format!("As trained {}", i + 1));
            }
        });
    }

    fn presets(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        theme::section(ui, "What to train");
        let columns = (((ui.available_width() + size::M) / (CARD + size::M)) as usize).clamp(1, 4);
        let device = self.device(cx.studio);
        let untouched = self.recipe == self.base;
        let (known, advice) = (self.known(cx.studio), self.advice(cx.studio));
        if known.pictures > 0 {
            let text = format!("Recommended: {}. {}", advice.preset.title, advice.why);
            ui.add(egui::Label::new(RichText::new(text).size(size::SMALL)).wrap());
            if let Some(warning) = &advice.warning {
                theme::toned(ui, Tone::Warn, warning.clone());
            }
        }
        let mut chosen = None;
        ui.spacing_mut().item_spacing = vec2(size::M, size::M);
        let mut cards = |ui: &mut Ui, presets: &[&'static Preset]| {
            for row in presets.chunks(columns) {
                ui.columns(columns, |cells| {
                    for (ui, preset) in cells.iter_mut().zip(row.iter().copied()) {
                        let selected = preset.id == self.preset.id;
                        let fitted = if selected { self.recipe.clone() } else { self.of_preset(preset, &known) };
                        let time = estimate::expected(&fitted, device, &cx.studio.runs).map(|e| e.seconds);
                        let card = PresetCard {
                            preset,
                            selected,
                            edited: selected && !untouched,
                            recommended: known.pictures > 0 && preset.id == advice.preset.id,
                            expect: expect(preset, &known, self.recipe.data.resolution),
                            cost: format!("{} · {} kimg", estimate::about(time), format::number(fitted.run.kimg)),
                        };
                        if card.show(ui) {
                            chosen = Some(preset);
                        }
                    }
                });
            }
        };
        let fits = |p: &&Preset| self.can_learn(p, &known);
        let (more, usual): (Vec<&Preset>, Vec<&Preset>) = PRESETS.iter().filter(fits).partition(|p| p.more);
        cards(ui, &usual);
        let open = usual.is_empty() || more.iter().any(|p| p.id == self.preset.id);
        egui::CollapsingHeader::new("More models")
            .id_salt("more presets")
            .open(open.then_some(true))
            .show_unindented(ui, |ui| cards(ui, &more));
        if let Some(preset) = chosen
            && (preset.id != self.preset.id || !untouched)
        {
            cx.undo_point(ViewId::Train, format!("choose {}", preset.title), self.snapshot());
            self.apply_preset(preset, cx.studio);
            self.preset_chosen = true;
        }
    }

    /// What the recipe's model is, what it is made of, and what it needs.
    fn networks(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(model) = models::find(&self.recipe.model.id).filter(|_| self.recipe.validate().is_ok()) else {
            return;
        };
        // Only what shapes the networks or fills memory is worth another look.
        if self.outlined.as_ref().is_none_or(|asked| shaped(asked) != shaped(&self.recipe)) {
            self.outlined = Some(self.recipe.clone());
            cx.send(Command::Outline { recipe: Box::new(self.recipe.clone()) });
        }
        theme::section(ui, model.title);
        ui.add(egui::Label::new(RichText::new(model.description).color(theme::tokens(ui).weak)).wrap());
        let known = self.outline.as_ref().filter(|(r, _)| shaped(r) == shaped(&self.recipe));
        let Some((_, outline)) = known else {
            theme::weak(ui, "Laying the networks out…");
            return;
        };
        network::diagram(ui, outline);
        let speed = estimate::expected(&self.recipe, self.device(cx.studio), &cx.studio.runs);
        let speed = speed.map(|e| format::rate(e.images_per_s));
        let speed = speed.map_or_else(String::new, |s| format!(" · about {s}"));
        let parameters = format::plural(outline.parameters() as u64, "parameter", "parameters");
        let text = format!("{parameters} · about {} of memory{speed}", format::bytes(outline.memory));
        match self.too_large(cx.studio) {
            None => theme::weak(ui, text).on_hover_text("The most that training holds, foreseen from the networks"),
            Some(problem) => {
                let remedy = problem.remedy.as_deref().map(with_titles).unwrap_or_default();
                theme::toned(ui, Tone::Bad, format!("{text}. {}. {remedy}", problem.what))
                    .on_hover_text(problem.detail.unwrap_or_default())
            }
        };
    }

    /// Where it runs, what it starts from, what space it needs.
    fn place(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        theme::section(ui, "Where and from what");
        egui::Grid::new("train place").num_columns(2).spacing([size::L, size::S]).min_col_width(110.0).show(ui, |ui| {
            ui.label(RichText::new("Device").color(t.weak));
            self.device_choice(ui, cx);
            ui.end_row();
            ui.label(RichText::new("Start from").color(t.weak));
            self.parent_choice(ui, cx);
            ui.end_row();
            ui.label(RichText::new("Disk space").color(t.weak));
            let (run, prepared) =
                (run_bytes(&self.recipe), prepared_bytes(&self.recipe.data, self.known(cx.studio).pictures));
            let room = cx.studio.space.runs.into_iter().chain(cx.studio.space.prepared).min();
            let (needed, enough) = format::room(run + prepared, room);
            let text = RichText::new(format!("about {needed}")).color(if enough { t.text } else { t.bad });
            ui.label(text).on_hover_text(format!(
                "{} for checkpoints with the whole state and samples for the eye, {} for the prepared set, which all \
                 runs share",
                format::bytes(run),
                format::bytes(prepared)
            ));
            ui.end_row();
        });
    }

    fn device_choice(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let now = self.device_id(cx.studio);
        let name =
            |id: &str| cx.studio.devices.iter().find(|d| d.id == id).map_or_else(|| id.to_owned(), |d| d.name.clone());
        let mut chosen = None;
        let combo = ComboBox::from_id_salt("train device").selected_text(name(&now)).width(280.0).show_ui(ui, |ui| {
            for device in &cx.studio.devices {
                ui.add_enabled_ui(device.usable, |ui| {
                    let label = ui.selectable_label(device.id == now, &device.name);
                    if label.on_disabled_hover_text(&device.reason).clicked() {
                        chosen = Some(device.id.clone());
                    }
                });
            }
        });
        combo.response.accessible_name("Device").on_hover_text("Unusable ones say why when you point at them");
        if chosen.is_some() {
            self.device = chosen;
        }
    }

    fn parent_choice(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let fresh = "Fresh weights";
        let family = self.recipe.family().unwrap_or(Family::Gan);
        let title = |model: &str| cx.studio.model(model).map_or_else(|| model.to_owned(), |m| m.name.clone());
        let now = self.from.as_deref().map_or_else(|| fresh.to_owned(), title);
        let mut chosen: Option<Option<String>> = None;
        ui.horizontal(|ui| {
            let combo = ComboBox::from_id_salt("train parent").selected_text(now).width(280.0).show_ui(ui, |ui| {
                if ui.selectable_label(self.from.is_none(), fresh).clicked() {
                    chosen = Some(None);
                }
                for model in cx.studio.models.iter().filter(|m| m.family == family) {
                    let on = self.from.as_deref() == Some(model.model.as_str());
                    let text = format!("{} · {} · {}", model.name, model.resolution.both(), model.architecture);
                    if ui.selectable_label(on, text).clicked() {
                        chosen = Some(Some(model.model.clone()));
                    }
                }
            });
            combo
                .response
                .accessible_name("Start from")
                .on_hover_text("Fine-tuning: what fits is loaded, the rest is fresh");
        });
        if let Some(model) = chosen {
            cx.undo_point(ViewId::Train, "choose what to start from", self.snapshot());
            // The same networks fit best: take over their shape, keep the rest of the recipe.
            if let Some(info) = model.as_deref().and_then(|m| cx.studio.model(m)) {
                if self.recipe.model.id != info.recipe.model.id
                    && let Some(preset) = for_model(&info.recipe.model.id)
                {
                    self.apply_preset(preset, cx.studio);
                }
                self.recipe.model = info.recipe.model.clone();
                self.recipe.data.resolution = info.resolution;
                self.recipe.data.channels = info.channels;
            }
            self.from = model;
        }
    }

    /// The inspector: every setting of the recipe.
    pub(super) fn setup_settings(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        theme::section(ui, "Recipe");
        let problem = self.recipe.validate().err();
        let suggestion = Suggestion::shape(&self.known(cx.studio), self.recipe.data.resolution);
        let options = FormOptions {
            defaults: &self.base,
            family: self.recipe.family().unwrap_or(Family::Gan),
            running: false,
            groups: &[],
            hide: &["data.source"],
            problem: problem.as_ref(),
            flat: false,
            suggestion: suggestion.as_ref(),
        };
        let Some(change) = self.form.show(ui, &self.recipe, &options) else { return };
        if change.began {
            cx.undo_point(ViewId::Train, format!("change {}", change.title.to_lowercase()), self.snapshot());
        }
        let fitted = self.is_fitted();
        if let Err(problem) = json_path::set(&mut self.recipe, change.key, change.value) {
            cx.say(problem);
            return;
        }
        if matches!(change.key, "data.resolution" | "data.channels") {
            self.proposes_data = false;
        }
        match change.key {
            // Other networks need other numbers throughout.
            "model.id" => {
                if let Some(preset) = for_model(&self.recipe.model.id) {
                    self.apply_preset(preset, cx.studio);
                }
            }
            // Presets are fitted to the resolution, unless somebody changed theirs.
            "data.resolution" if fitted && change.done => self.apply_preset(self.preset, cx.studio),
            _ => {}
        }
    }
}

fn channels(recipe: &crate::recipe::Recipe) -> &'static str {
    match recipe.data.channels {
        crate::base::Channels::Grey => "grey",
        crate::base::Channels::Rgb => "rgb",
        crate::base::Channels::Rgba => "rgba",
        crate::base::Channels::Points => "points",
    }
}

/// A preset as a card.
pub(super) struct PresetCard {
    pub preset: &'static Preset,
    pub selected: bool,
    pub edited: bool,
    pub recommended: bool,
    /// What comes out, on these pictures.
    pub expect: String,
    /// How long it takes.
    pub cost: String,
}

impl PresetCard {
    /// Draws it; true when it is chosen.
    pub fn show(&self, ui: &mut Ui) -> bool {
        let t = theme::tokens(ui);
        let mut clicked = false;
        // Columns justify their text; a card does not.
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            let card = theme::clickable_card(ui, self.preset.title, self.selected, |ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().item_spacing = vec2(size::S, size::XS);
                ui.allocate_ui(vec2(ui.available_width(), CARD_TEXT), |ui| {
                    ui.set_min_height(CARD_TEXT);
                    // What has no room beside the title goes below it: a card is as wide as its column.
                    ui.horizontal_wrapped(|ui| {
                        ui.label(RichText::new(self.preset.title).size(size::STRONG));
                        if self.recommended {
                            theme::badge(ui, Tone::Good, "recommended");
                        }
                        if self.edited {
                            theme::badge(ui, Tone::Accent, "changed");
                        }
                    });
                    ui.add(egui::Label::new(self.preset.what_for).wrap());
                    ui.add(egui::Label::new(RichText::new(&self.expect).size(size::SMALL).color(t.weak)).wrap());
                });
                let colour = if self.selected { t.accent } else { t.weak };
                ui.add(egui::Label::new(RichText::new(&self.cost).size(size::SMALL).color(colour)).truncate());
            });
            clicked = card.response.on_hover_text(glossary::kind_of(self.preset.family())).clicked();
        });
        clicked
    }
}
